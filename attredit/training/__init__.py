"""One training: a view of each step, the terms that read it, the players who minimise them, and the loop.

Read `view.py` (one step's tensors), `losses.py` and `objectives.py` (what is minimised), `players.py` (by whom),
`trainer.py` (the loop), `health.py` (whether its numbers still mean something), `observer.py` (who is told), and
`processes.py` (what processes of a launch have in common). What is learnt afterwards: `settling.py`, `sharpening.py`.
"""
