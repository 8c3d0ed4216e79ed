# placa: `make demo` and `make test` install their requirements once, and work on a new machine.

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
R_SOURCES := $(shell find R -type f -not -path '*/.*' -not -name '*.o' -not -name '*.so' 2>/dev/null)

.PHONY: demo test test-slow coverage bench findings docs lint setup renv lock wheel clean help

demo: setup ## phantoms → train → predict → evaluate in R → report
	@$(BIN)/placa demo

test: setup ## pytest and testthat, with the linters
	@tools/setup-axe
	@tools/run-tests

test-slow: setup ## tests that take minutes (PART=name for a part, see CONTRIBUTING.md)
	@$(BIN)/pytest -m slow --numprocesses logical --maxprocesses 2 --dist worksteal $(if $(PART),--part=$(PART))

coverage: setup ## the branches of splits, grouping, thresholds, recalibration and evaluation that tests reach
	@tools/coverage

bench: setup ## speed compared with common alternatives (see benchmarks/)
	@benchmarks/run

findings: ## unexpected behaviour of third-party software, each shown by a script (installs into temporary folders)
	@failed=; for script in findings/*.sh; do \
	  echo "== $$script"; $$script || failed="$$failed $$script"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

docs: setup ## the website of README, docs/ and the walk-throughs, to _docs/ (needs Quarto)
	@tools/docs

lint: setup ## ruff, mypy, import-linter, lintr, tools/check-names
	@tools/lint

# Python and R are set up in parallel.
setup: ## the virtual environment, the R packages, placa in Python and R
	@mkdir -p .make
	@$(MAKE) --no-print-directory -s -j2 .make/python .make/r
	@$(MAKE) --no-print-directory -s .make/r-package

.make/python: requirements.lock pyproject.toml
	@echo "setting up Python"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# A virtual environment that uv or --without-pip made has no pip.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null 2>&1 || \
	  { echo "The virtual environment .venv has no pip. Run make clean, then make setup." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@# ABI mode needs no compiler and no R headers. API mode fails if only some of them are installed.
	@# Compile to bytecode once: with PYTHONDONTWRITEBYTECODE, as in many containers, TensorFlow would take nine seconds
	@# to import each time instead of three.
	@RPY2_CFFI_MODE=ABI $(BIN)/uv pip install --compile-bytecode --quiet --python $(BIN)/python --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@# The C++ headers of TensorFlow are 430 MB that only its extensions in C++ use.
	@rm -rf .venv/lib/python*/site-packages/tensorflow/include
	@command -v quarto >/dev/null || tools/setup-quarto
	@touch $@

.make/r: tools/setup-r
	@PYTHON=$(PYTHON) tools/setup-r
	@! command -v R >/dev/null || touch $@

.make/r-package: $(R_SOURCES) | .make/python
	@! command -v R >/dev/null || $(BIN)/placa install-r >/dev/null
	@! command -v R >/dev/null || touch $@

renv: ## restore the R packages of renv.lock from CRAN into a library of this project
	@tools/restore-renv
	@$(BIN)/placa install-r

wheel: setup ## the wheel and the source distribution, to dist/
	@$(BIN)/python -m hatchling build -d dist

lock: ## update requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --quiet \
	  --no-header --no-annotate --no-emit-index-url --upgrade --output-file requirements.lock

clean: ## remove the files of setup (data/ and runs/ are kept)
	@rm -rf .make .venv

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
