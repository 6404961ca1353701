"""A trained model as its users see it: pictures in, pictures out.

Read `editor.py` (encode, change, decode), `composite.py` (the change, blended into the picture's own pixels),
`images.py` (whatever was given, as pixels), `frames.py` (where in a
picture the model looks), and `faces.py` (where no frame was learnt).
"""
