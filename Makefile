# Every target sets up what it needs in .venv; only Python 3.11 or newer, make and git have to be there.

# The first of these that is new enough; make PYTHON=/path/to/python chooses another.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
# How many test processes run side by side: they wait more than they compute.
WORKERS ?= 3
# Arguments for `unbroken up`, as in: make run ARGS="mybot:bot --port 9000"
ARGS ?=
# quick, about three minutes, or full, about twenty
PROFILE ?= quick

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --require-hashes --no-compile
PYTEST := $(BIN)/python -m pytest
NPM := $(BIN)/python tools/npm.py
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run web test unit integration model mutants faults costs e2e bench lint types format docs lock clean all

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## /  \1\t/p' Makefile | expand -t 16

run: web ## starts Valkey, a server and a worker, with the page on http://localhost:8000
	@$(BIN)/unbroken up $(ARGS)

web: .venv/run.stamp ## builds the page, if something in web/ changed
	@$(BIN)/python hatch_build.py

test: .venv/dev.stamp web/node_modules/.test.stamp ## all tests
	@$(BIN)/python hatch_build.py
	@$(NPM) test --silent
	@$(NPM) run --silent budget
	@$(PYTEST) -n $(WORKERS) --dist worksteal

unit: .venv/dev.stamp ## tests without Redis, in seconds
	@$(PYTEST) tests/unit

integration: .venv/dev.stamp ## parts against a real Valkey
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/integration

model: .venv/dev.stamp ## random schedules of everything that may go wrong, checked against the contract
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/model

mutants: .venv/dev.stamp ## rules taken out one by one, and which law or test notices, as a table
	@$(BIN)/python -m tests.model.table

faults: .venv/dev.stamp ## kills, pauses and partitions of real processes; PROFILE=long goes on for MINUTES=30, SEED=n
ifeq ($(PROFILE),long)
	@$(BIN)/python -m tests.faults --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))
else
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/faults
endif

costs: .venv/dev.stamp ## what a message and a piece of a reply cost, counted: commands, writes, calls
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/costs

e2e: .venv/dev.stamp ## the whole product as a user meets it
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/e2e

bench: .venv/dev.stamp .venv-bench/bench.stamp .venv-bench-arq/bench.stamp ## speed beside other designs; PROFILE=full, or ARGS="--help"
	@$(BIN)/python -m benchmarks.run --profile $(PROFILE) $(ARGS)

lint: .venv/dev.stamp ## style, import contracts, Lua
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo
	@command -v luacheck >/dev/null || { echo "luacheck is missing: apt install lua-check"; exit 1; }
	@$(BIN)/python tools/assemble_lua.py build/lua
	@luacheck --quiet build/lua

types: .venv/dev.stamp web/node_modules/.test.stamp ## strict types, on tests too
	@$(BIN)/mypy
	@$(NPM) run --silent types

format: .venv/dev.stamp ## writes the style that `lint` checks
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: .venv/dev.stamp ## writes what is generated: the references, and the protocol for the page
	@$(BIN)/python tools/settings_reference.py
	@$(BIN)/python -m unbroken.server.schema
	@$(BIN)/python tools/typescript.py

lock: .venv/dev.stamp ## newest versions of all dependencies, with hashes, into requirements/
	@$(call lock,dev,pyproject.toml --upgrade --extra embedded --group build --group dev)
	@$(call lock,run,pyproject.toml --constraints requirements/dev.txt --extra embedded)
	@$(call lock,build,--group build --constraints requirements/dev.txt)
	@$(call lock,node,--upgrade --group node)
	@$(call lock,bench,--upgrade --group bench)
	@$(call lock,bench-arq,--upgrade --group bench-arq)

clean: ## removes what the other targets made; the data of `make run` stay
	@rm -rf .venv .venv-bench .venv-bench-arq build dist src/unbroken/server/static web/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

all: lint types test ## what has to pass

# Locks hold for every platform and Python that we support, and name no registry.
define lock
$(BIN)/uv pip compile $(2) --output-file requirements/$(1).txt --quiet --no-config --universal \
	--python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links
endef

# Build backends, Node if the machine's does not do, the locked packages, and this one with what is there by then.
define install
echo "Installing requirements/$(1).txt and building the page; this takes a minute or two the first time"
$(PIP) -r requirements/build.txt
$(BIN)/python -c 'import hatch_build, sys; sys.exit(not hatch_build.machine_node())' || $(PIP) -r requirements/node.txt
$(PIP) -r requirements/$(1).txt
$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
endef

.venv/run.stamp: .venv/pyvenv.cfg requirements/run.txt pyproject.toml
	@$(call install,run)
	@touch $@

.venv/dev.stamp: .venv/pyvenv.cfg requirements/dev.txt pyproject.toml
	@$(call install,dev)
	@touch .venv/run.stamp $@

# What we are compared with stays out of our own environment.
.venv-%/bench.stamp: requirements/%.txt .venv/pyvenv.cfg
	@echo "Installing requirements/$*.txt into .venv-$*"
	@$(BIN)/python -m venv --clear .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --require-hashes -r $<
	@touch $@

# The page is built without what only its tests need; this adds it.
web/node_modules/.test.stamp: .venv/dev.stamp web/package-lock.json
	@$(NPM) ci --silent --ignore-scripts --no-audit --no-fund --prefer-offline
	@touch $@

.venv/pyvenv.cfg:
	@for python in $(PYTHON); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			$$python -c 'import ensurepip, venv' 2>/dev/null && exec $$python -m venv .venv; \
			echo "$$python cannot make virtual environments: apt install python3-venv"; exit 1; \
		fi; \
	done; \
	echo "Python 3.11 or newer is needed and was not found among: $(PYTHON)"; exit 1
