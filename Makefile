# placa: `make demo` and `make test` install their requirements once, and work on a new machine.

PYTHON ?= python3
# Empty unless the user named a Python.
NAMED := $(filter environment command,$(origin PYTHON))
UV_VERSION := 0.13.9
BIN := .venv/bin
R_SOURCES := $(shell find R -type f -not -path '*/.*' -not -name '*.o' -not -name '*.so' 2>/dev/null)

.PHONY: demo test test-slow coverage bench findings docs lint setup python dev renv lock wheel clean help

demo: setup ## phantoms → train → predict → evaluate in R → report
	@$(BIN)/placa demo

test: dev ## pytest and testthat, with the linters
	@tools/setup-axe
	@tools/run-tests

test-slow: dev ## tests that take minutes (PART=name for a part, see CONTRIBUTING.md)
	@$(BIN)/pytest -m slow --numprocesses logical --maxprocesses 2 --dist worksteal $(if $(PART),--part=$(PART))

coverage: dev ## the branches of splits, grouping, thresholds, recalibration and evaluation that tests reach
	@tools/coverage

bench: dev ## speed compared with common alternatives (see benchmarks/)
	@benchmarks/run

findings: ## unexpected behaviour of third-party software, each shown by a script (installs into temporary folders)
	@failed=; for script in findings/*.sh; do \
	  echo "== $$script"; $$script || failed="$$failed $$script"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

docs: dev ## the website of README, docs/ and the walk-throughs, to _docs/ (needs Quarto)
	@tools/docs

lint: dev ## ruff, mypy, import-linter, lintr, tools/check-names
	@tools/lint

# Python and R are set up in parallel.
setup: ## the virtual environment, the R packages, placa in Python and R
	@mkdir -p .make
	@$(MAKE) --no-print-directory -s -j2 python .make/r
	@$(MAKE) --no-print-directory -s .make/r-package

dev: setup ## the tools of tests and releases, and JAX
	@PYTHON="$(PYTHON)" PYTHON_NAMED="$(NAMED)" UV_VERSION=$(UV_VERSION) tools/setup-python requirements.lock requirements-dev.lock

# It returns at once if nothing has changed.
python:
	@PYTHON="$(PYTHON)" PYTHON_NAMED="$(NAMED)" UV_VERSION=$(UV_VERSION) tools/setup-python requirements.lock
	@test -n "$$(command -v quarto)" -o -e .make/setup-quarto.log || tools/setup-quarto

.make/r: tools/setup-r
	@PYTHON="$(PYTHON)" tools/setup-r
	@! command -v R >/dev/null || touch $@

# It contains the library of the R package, for `make clean`.
.make/r-package: $(R_SOURCES)
	@! command -v R >/dev/null || { $(BIN)/placa install-r >$@.partial && mv $@.partial $@; }

renv: ## restore the R packages of renv.lock from CRAN into a library of this project
	@tools/restore-renv
	@$(BIN)/placa install-r

wheel: setup ## the wheel and the source distribution, to dist/
	@$(BIN)/python -m hatchling build -d dist

COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --quiet --no-header --no-annotate \
  --no-emit-index-url --upgrade
lock: ## update requirements.lock and requirements-dev.lock from pyproject.toml
	@$(COMPILE) --extra dev --output-file requirements-dev.lock
	@$(COMPILE) --extra setup --constraint requirements-dev.lock --output-file requirements.lock

clean: ## remove what setup made: .venv, .make, placa in R (data/, runs/ and packages of the system are kept)
	@! test -s .make/r-package || rm -rf "$$(cat .make/r-package)/placa"
	@rm -rf .make .venv

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
