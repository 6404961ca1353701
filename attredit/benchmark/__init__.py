"""Comparisons of methods: a suite is carried out cell by cell, and what was measured becomes tables.

suite.py        what is compared: small TOML files, of which suites/ has some
cells.py        one training and evaluation each, and the hash that says when two are the same
plan.py         what was asked for last, and the paths of a benchmark directory
runner.py       decides what is left, starts it, and waits
engine.py       where cells run: processes of this machine, or a cluster
worker.py       one cell, in a process of its own
calibration.py  how long steps take
results.py      results.jsonl
compare.py      figures over seeds, and which of them is the best
tables.py       Markdown, LaTeX, CSV
"""
