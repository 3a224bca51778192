# Works on a fresh Debian with Python >= 3.11 and pip; every target may be run again at any time.

SHELL := /bin/bash
PYTHON := $(shell .ci/find-python)

# Programs the tests start, by the name of their Debian package (.ci/system-packages finds them).
SYSTEM_PACKAGES := chromium redis-server postgresql mariadb-server

# Two processes, as most of the time is spent waiting for servers; a file stays in one of them.
SPREAD := -n 2 --dist loadfile

BIN := .venv/bin
BENCH := .venv-bench/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help venv demo test oldest check lint types layers wheel bench bench-fleet system clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

venv: .venv/.dev ## .venv with the package, editable, and all that tests and checks need

demo: .venv/.demo ## a shop through an outage; FRAMEWORK=django or starlette, and ARGS="--json" passes options
	@$(BIN)/python -m resilience demo $(if $(FRAMEWORK),--framework $(FRAMEWORK)) $(ARGS)

test: .venv/.dev system ## all tests, with branch coverage; ARGS="-k circuit" passes options
	@$(BIN)/python -m pytest --cov --cov-report=term $(SPREAD) $(ARGS)

oldest: ## the integrations' tests on the oldest releases that are supported
	@.ci/check-oldest $(PYTHON) $(ARGS)

check: lint types layers wheel ## all that can be known without running the tests

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/.dev
	$(BIN)/mypy --strict
	$(BIN)/pyright

layers: .venv/.dev
	$(BIN)/lint-imports

wheel: .venv/.dev
	.ci/check-wheel $(PYTHON) $(BIN)/python

bench: .venv-bench/.bench ## what a call costs beside the peers; ARGS passes options
	@$(BENCH)/python -m benchmarks $(ARGS)

bench-fleet: .venv-bench/.bench ## workers that agree through Redis, beside the peers; ARGS passes options
	@$(BENCH)/python -m benchmarks.fleet $(ARGS)

clean: ## remove all that these targets made here
	rm -rf .venv .venv-bench .venv-oldest build dist .coverage .coverage.* htmlcov
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	@.ci/system-packages $(SYSTEM_PACKAGES)

# A stamp in each environment tells which requirements it has; a changed pyproject.toml renews it.

.venv/.base .venv-bench/.base:
	@.ci/make-venv $(PYTHON) $(@D)
	@touch $@

.venv/.demo: pyproject.toml | .venv/.base
	@echo "Installing what the demo needs into .venv"
	@$(BIN)/python $(PIP_INSTALL) --editable '.[demo]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/.base
	@echo "Installing what tests and checks need into .venv"
	@$(BIN)/python $(PIP_INSTALL) --editable '.[all]' --group dev
	@touch .venv/.demo $@

.venv-bench/.bench: pyproject.toml | .venv-bench/.base
	@echo "Installing the package and its peers into .venv-bench"
	@$(BENCH)/python $(PIP_INSTALL) --editable . --group bench
	@touch $@
