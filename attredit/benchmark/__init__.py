"""Comparisons of methods: a suite is carried out cell by cell, and what was measured becomes tables.

suite.py        what is compared: small TOML files, of which suites/ has some; `choose.py` takes a part of one
cells.py        one training and evaluation each, and the hash that says when two are the same
directory.py    a benchmark directory: what was asked for last, and the lines of what became of it (`results.py`)
runner.py       decides what is left, starts it, and waits as long as `estimate.py` says
engine.py       where cells run: processes of this machine, or a cluster
worker.py       one cell, in a process of its own
progress.py     its clock: how far it is, and what it took
calibration.py  how long steps take
compare.py      figures over seeds, and which of them is the best
tables.py       Markdown, LaTeX, CSV; `page.py` and `plots.py` the page
"""
