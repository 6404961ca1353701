"""What a training leaves behind, and how it is found again.

Read `config.py` (what a run is), `directory.py` (its files), `data.py` (its images), and `named.py` (what RUN may be).
"""
