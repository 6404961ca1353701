"""What `attredit evaluate` measures, with 95 % intervals; docs/metrics.md defines every figure.

Read `run.py` (what is opened, and what is written), `measure.py` (all images, chunk by chunk), `editing.py` (what is
asked of an edit), `judge.py` and `judge_training.py` (who judges it), and `table.py` with `statistics.py` (values of
images, and the intervals of their means). Each other file is about one figure or one network.
"""
