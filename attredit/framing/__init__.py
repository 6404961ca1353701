"""Where in a picture the square lies that a model knows: learnt from the training images, without labels.

Read `network.py` (a crop, and where it says the true square lies), `crops.py` (what it is shown: training images moved,
and what is none), `fit.py` (how it is trained), and `search.py` (how a whole picture is searched).
"""

from __future__ import annotations
