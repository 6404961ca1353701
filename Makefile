# make demo | box | test | check | bench | docs | site: each does the whole set-up first (a virtual environment behind a stamp file).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
DEMO = runs/demo
BOX = --attr Smiling --attr Eyeglasses --attr Blond_Hair --attr Mustache --steps 3000 \
  --set latent_dim=96 --set parts.encoder.options.linear_size=32 --set parts.encoder.options.components=112 \
  --set parts.decoder.options.linear_size=32 --set parts.decoder.options.components=112 \
  --set players.autoencoder.terms.class_edit.weight=0.015

.PHONY: demo box test check format bench docs site clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $(STAMP)

demo: $(STAMP)
	rm -rf $(DEMO)
	$(BIN)/attredit train --attr Smiling --attr Eyeglasses --steps 3000 --run-dir $(DEMO)
	$(BIN)/attredit evaluate $(DEMO)
	$(BIN)/attredit report $(DEMO)

# The model that ships, of one thread, so that it is the same whatever the machine's cores.
box: $(STAMP)
	rm -rf runs/drawn-faces
	OMP_NUM_THREADS=1 $(BIN)/attredit train $(BOX) --run-dir runs/drawn-faces
	$(BIN)/python -c "from attredit.runs.pack import pack; pack('runs/drawn-faces', 'attredit/models/drawn-faces')"
	$(BIN)/attredit evaluate attredit/models/drawn-faces
	rm attredit/models/drawn-faces/evaluation.safetensors  # what single images said: half as large again as all else

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python benchmarks/bench_step.py
	$(BIN)/python benchmarks/bench_recipes.py
	$(BIN)/python benchmarks/bench_plugins.py
	$(BIN)/python benchmarks/bench_data.py

docs: $(STAMP)
	$(BIN)/mkdocs serve

site: $(STAMP)
	$(BIN)/mkdocs build

clean:
	rm -rf $(VENV) site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
