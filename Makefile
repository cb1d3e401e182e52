# One command, `make test`, is the same here and on every other machine: it needs python3 (3.11 or newer) and make.

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# One thread a worker for NumPy and PyTorch: the workers already share the cores.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1
export MPLBACKEND ?= Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env lint format types unit long doctest examples test check bench demo wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

env: $(READY) ## the development environment in .venv, built once and kept

$(READY): pyproject.toml constraints.txt
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tussle needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

lint: $(READY) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## pyright, and every public name with a known type
	$(BIN)/pyright
	$(BIN)/python scripts/check_public_types.py

unit: $(READY) ## the tests, warnings as errors
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

long: $(READY) ## the tests at full size, and 50 runs killed at random moments; takes an hour
	$(ONE_THREAD) TUSSLE_LONG=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	$(BIN)/python scripts/check_resume.py 50

doctest: $(READY) ## the examples in the docstrings
	$(ONE_THREAD) $(BIN)/python -m pytest --doctest-modules src/tussle

examples: $(READY) ## every numbered script in examples/
	$(BIN)/python scripts/run_examples.py

test: lint types unit doctest examples ## everything that must pass

check: test ## the same as test

bench: $(READY) ## how fast it is
	$(BIN)/python benchmarks/run.py

demo: $(READY) ## the tour, pictures in demo/
	$(BIN)/tussle demo --out demo

wheel: $(READY) ## the package in dist/
	$(BIN)/python -m build --wheel --no-isolation

clean: ## remove what the other targets made, .venv included
	rm -rf $(VENV) build dist demo .pytest_cache .ruff_cache .hypothesis
	find src tests examples benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
