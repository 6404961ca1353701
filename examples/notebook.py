"""All that an editor does, cell by cell: for Jupyter (through jupytext), VS Code or Spyder, or in one go.

python examples/notebook.py [DIRECTORY]
"""

# %% A run. Name one of yours; this one is made in seconds, and it shows.
from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import attredit

in_notebook = "get_ipython" in globals()
folder = Path(sys.argv[1] if sys.argv[1:] and not in_notebook else "runs/notebook")
run = folder / "run"
if not run.exists():
    request = attredit.Request(
        attributes=["Smiling", "Eyeglasses"],
        image_size=32,
        steps=100,
        batch_size=16,
        run_dir=str(run),
        data_options={"train": 300, "valid": 20, "test": 20},
    )
    attredit.train(request)

# %% Load it, and draw four faces that do not smile. A path, an array or a PIL image of your own does as well.
editor = attredit.load(run)
faces = editor.sample(4, Smiling=0, Eyeglasses=0, seed=1)
faces[0]

# %% What does it take them for?
for face in editor.predict(faces):
    print({name: round(probability, 2) for name, probability in face.items()})

# %% Edit: one attribute, two, half the way, and the decoder's own output instead of a change within the image.
smiling = editor.edit(faces, Smiling=1)
both = editor.edit(faces, Smiling=1, Eyeglasses=1)
half = editor.edit(faces, Smiling=1, strength=0.5)
decoded = editor.edit(faces, Smiling=1, mode="decoded")

# %% Arrays and tensors come back if they are asked for.
array = editor.edit(faces, Smiling=1, output="numpy")
print("array:", array.dtype, array.shape)

# %% A sweep from before the least to beyond the most smiling, as frames of an animation.
frames = editor.sweep(faces[0], "Smiling", values=[-0.5, 0.0, 0.5, 1.0, 1.5])
frames[-1]

# %% Side by side.
rows = {"as drawn": faces, "smiling": smiling, "and glasses": both, "half": half, "decoded": decoded}
figure, axes = plt.subplots(len(rows), len(faces), figsize=(6, 7))
for (title, pictures), row in zip(rows.items(), axes, strict=True):
    row[0].set_ylabel(title)
    for picture, place in zip(pictures, row, strict=True):
        place.imshow(picture)
        place.set(xticks=[], yticks=[])
figure.savefig(folder / "notebook.png")
frames[0].save(folder / "sweep.gif", save_all=True, append_images=frames[1:], duration=300, loop=0)
print(f"Pictures: {folder / 'notebook.png'}, {folder / 'sweep.gif'}.")
