"""A trained model as its users see it: pictures in, pictures out.

Read `editor.py` (encode, change, decode), `blending.py` (the change, in the picture's own pixels), `composite.py` (how
it is blended), `sharpening.py` (and drawn finer), `images.py` (whatever was given, as pixels), and `frames.py`
(where in a picture the model looks).
"""
