# `make run` and `make test` need Python 3.11, make and, for the test daemons, Debian's apt;
# both set up all the rest by themselves.  `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

MEMBERS := core plugins/bgp plugins/l2_arp plugins/file_source plugins/k8s_source plugins/metrics cli
PROJECTS := $(MEMBERS:%=%/pyproject.toml)
TYPED := $(MEMBERS) $(wildcard benchmarks) $(wildcard examples)

PYTEST_ARGS ?= -rs

.PHONY: help run test setup daemons lint format bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/members ## the quickstart: one service, announced to a small router on loopback
	@$(BIN)/python examples/quickstart/quickstart.py

test: setup daemons lint ## everything that a change must pass: lint, types, import contracts, tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

setup: $(VENV)/tools ## the virtual environment with all members and the development tools

daemons: ## the routers and tools that integration tests talk to (apt, as root)
	@scripts/install-daemons

lint: $(VENV)/tools ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports

format: $(VENV)/tools ## put the code into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## the benchmarks, each with the ratio to its yardstick
	@for each in $$(grep -l __main__ benchmarks/*.py); do echo "== $$each"; $(BIN)/python $$each || exit 1; done

clean: ## remove what the other targets made, the quickstart's ledger with it
	rm -rf examples/quickstart/state $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@echo "making $(VENV)"
	@PYTHON="$(PYTHON)" scripts/make-venv $(VENV)

$(VENV)/members: $(PROJECTS) | $(VENV)/bin/python
	@echo "installing Proclaim into $(VENV)"
	@$(PIP) install --quiet $(MEMBERS:%=-e %)
	@touch $@

$(VENV)/tools: pyproject.toml scripts/install-render-tools $(VENV)/members
	@echo "installing the development tools into $(VENV)"
	@$(PIP) install --quiet --group dev
	@$(BIN)/python scripts/install-render-tools $(VENV)
	@touch $@
