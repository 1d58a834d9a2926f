# Everything a fresh machine with Python 3.11 and make needs. `make help` lists the targets.
PYTHON ?= python3.11
JOBS ?= 2
# What draws examples beside the unit tests.
DRAWN := tests/integration/projections/test_contract.py
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status test test-unit test-slow chaos lint format bench lock clean distclean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with the pinned set

# uv where there is one, else it is brought into the environment itself.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Groundswell needs Python 3.11 ($(PYTHON) was not found; set PYTHON=)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check uv && uv=$(BIN)/uv; fi; \
	"$$uv" pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## the whole pipeline on a simulated platform (ONCE=1 ends by itself)
	@$(BIN)/groundswell demo $(if $(ONCE),--once,)

up: setup ## servers and processes in the background
	@$(BIN)/groundswell up --detach

down: setup ## stop what `make up` started
	@$(BIN)/groundswell down

status: setup ## what runs, where, how far behind
	@$(BIN)/groundswell status

test: setup ## unit, integration and acceptance tests on real servers (JOBS=2 at once)
	$(BIN)/pytest -m "not slow" -n $(JOBS) --dist worksteal $(ARGS)

test-unit: setup ## tests that need no server
	$(BIN)/pytest tests/unit $(ARGS)

test-slow: setup ## the long tests, and many more examples for the properties
	$(BIN)/pytest -m slow $(ARGS)
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest tests/unit $(DRAWN) $(ARGS)

chaos: setup ## faults for minutes, then a recount (SHORT=1: a few minutes)
	@$(BIN)/python -m tests.chaos $(if $(SHORT),--short,)

lint: setup ## ruff, mypy --strict, the floors, bandit, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive schemas streams projections api infra
	$(BIN)/python -m tests.audit

format: setup ## let ruff write
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup ## a benchmark beside its peers (ONLY=jobs another than engagement, ONLY=all each)
	@$(BIN)/groundswell bench $(or $(ONLY),engagement)

lock: setup ## pin the set again
	@uv=$$(command -v uv || echo $(BIN)/uv); \
	"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --extra embedded --extra dev pyproject.toml requirements-build.in -o requirements.lock

clean: ## remove the data directory and caches
	@if [ -x $(BIN)/groundswell ]; then $(BIN)/groundswell down --quiet || true; fi
	rm -rf $${GROUNDSWELL_HOME:-.groundswell} .pytest_cache .mypy_cache .ruff_cache .import_linter_cache dist

distclean: clean ## clean, and the environment too
	rm -rf $(VENV)
