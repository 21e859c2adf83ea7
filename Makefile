# Every command prepares what it needs and is quick the second time. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PY := $(BIN)/python
PACKAGES := agent bootstrap common core cutover data_pipeline demo features react_agent scripts serving tools web
export PYTHONUNBUFFERED := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without its bytecode every process would compile hundreds of modules anew, which doubles the time of a start.
unexport PYTHONDONTWRITEBYTECODE
# What people type reaches the programs by the environment, as it stands: in a recipe a shell would read it.
unexport Q TAG NAME
export CITU_QUESTION = $(value Q)
export CITU_TAG = $(value TAG)
export CITU_NAME = $(value NAME)

# Every process imports everything first, so more of them than cores make a run slower.
PYTEST_WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help run run-legacy worker ask demo test test-slow check lint fix types contracts bench bench-long docs migrate migration hooks lock data-homes clean-data clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (with venv)."; exit 1; }
	echo "Creating .venv ..."
	$(PYTHON) -m venv .venv

.venv/.tools: requirements-venv.txt | $(BIN)/python
	@$(PY) -m pip install --quiet --require-hashes --requirement requirements-venv.txt
	touch $@

.venv/.runtime: requirements.txt .venv/.tools
	@echo "Installing the pinned dependencies (about half a minute, once) ..."
	$(PY) -m pip install --quiet --require-hashes --requirement requirements.txt
	touch $@

.venv/.dev: requirements-dev.txt .venv/.runtime
	@echo "Installing the development tools ..."
	$(PY) -m pip install --quiet --require-hashes --requirement requirements.txt --requirement requirements-dev.txt
	touch $@

run: .venv/.runtime ## Prepare everything and serve on http://127.0.0.1:8084 (Ctrl-C stops it all)
	@CITU_STOP_WITH_PARENT=1 exec $(PY) -m serving.serve

run-legacy: .venv/.runtime ## Serve by the old entry on the same address: the way back
	@CITU_DEFAULT_HOST=127.0.0.1 exec $(PY) citu_app.py

worker: .venv/.runtime ## One more worker of pipeline tasks beside the service
	@exec $(PY) -m serving.worker

rollback-entry: .venv/.runtime ## The first way back: stop this folder's service, serve by the old entry, check it
	@exec $(PY) -m scripts.rollback entry

rollback-release: .venv/.runtime ## The second: serve by the whole tree of an older release, make rollback-release TAG=v1.0.0
	@exec $(PY) -m scripts.rollback release "$$CITU_TAG"

ask: .venv/.runtime ## Ask in the terminal: make ask Q="2023年4月1日总营收最高的5个服务区是哪些？"
	@$(PY) -m scripts.ask -- "$$CITU_QUESTION" || exit $$(( $$? == 3 ? 0 : $$? ))

demo: .venv/.runtime ## Prepare servers, migrations, demo data and training examples, then stop
	@exec $(PY) -m serving.serve --prepare-only

test: .venv/.dev ## Run the tests but the slow ones (embedded servers, or those the *_URL variables name)
	@$(PY) -m pytest -m "not slow" $(PYTEST_WORKERS) $(ARGS)

test-slow: .venv/.dev ## Run the slow ones: programs started and killed, a browser, waits for time to pass
	@$(PY) -m pytest -m slow $(PYTEST_WORKERS) $(ARGS)

check: lint types contracts test test-slow ## Everything CI runs

lint: .venv/.dev ## Style and formatting
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fix: .venv/.dev ## Mend style and formatting
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.dev ## Static types, strict
	@$(BIN)/mypy

contracts: .venv/.dev ## Import contracts between the layers
	@$(BIN)/lint-imports --no-logo

bench: .venv/.dev ## Measure the hot path, one JSON line a figure (wrk: apt-get install wrk); BENCH="rates sigterm" for some
	@$(PY) -m tools.bench $(BENCH)

bench-long: .venv/.dev ## The same with minutes where seconds say too little
	@$(PY) -m tools.bench --long $(BENCH)

docs: .venv/.dev ## Generate docs/settings.md, docs/routes.md and .env.example
	@$(PY) -m scripts.generate_docs

migrate: .venv/.runtime ## Bring the platform database to the newest revision
	@exec $(PY) -m scripts.migrate

migration: .venv/.dev ## Start a new migration: make migration NAME="add table x"
	@$(BIN)/alembic revision -m "$$CITU_NAME"

hooks: .venv/.dev ## Install the pre-commit hooks
	@$(BIN)/pre-commit install

lock: .venv/.dev ## Pin requirements*.in anew, with the hashes of every file an index offers
	@for name in requirements-venv requirements requirements-dev; do
	  $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-emit-trusted-host -o $$name.txt $$name.in
	done

data-homes: .venv/.runtime ## List where embedded servers keep data; REMOVE=stale removes what deleted folders left
	@exec $(PY) -m scripts.data_homes $(if $(filter stale,$(REMOVE)),--remove stale)

clean-data: .venv/.runtime ## Remove this folder's embedded databases, after a question
	@exec $(PY) -m scripts.data_homes --remove own

clean: ## Remove caches and the virtual environment (data/ and logs/ stay)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage*
