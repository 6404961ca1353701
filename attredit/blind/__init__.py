"""People compare runs without knowing which is which: a page of pairs, and what the votes say.

Read `compare.py` (the runs edit the same images), `pairs.py` (which are shown, on which side), `wording.py` (what is
asked), `page.py` (the page), and `votes.py` (what is counted).
"""
