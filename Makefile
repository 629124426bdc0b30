# Two commands matter: `make up` runs the product, `make test` proves it.

SHELL := /bin/bash
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Workers of the test run; the suite is sized for two cores.
WORKERS ?= 2
ARGS ?=

# Processes start by the hundred in a test run, and each would compile the whole source anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test check bench clean

up: $(VENV)/.installed
	@exec $(BIN)/zhiguan up $(ARGS)

test: $(VENV)/.installed-test
	@scripts/test-system-packages
	@$(BIN)/zhiguan frontend
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/pyright
	$(BIN)/zhiguan manage makemigrations --check --dry-run

# One JSON line a figure: name, value, unit, baseline, ratio. gateway_load.py plays the terminals of gateway.py.
BENCHES := $(filter-out bench/gateway_load.py,$(wildcard bench/*.py))
bench: $(VENV)/.installed-test
	@$(BIN)/zhiguan frontend
	@set -e; for file in $(BENCHES); do $(BIN)/python $$file; done

# Build products only: the data under var/ and the environment stay.
clean:
	rm -rf build dist *.egg-info src/*.egg-info src/zhiguan/kit/static/kit/dist
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "需要 Python 3.11 或更高版本,请安装后重试。" >&2; exit 1; }
	@echo "… 建立 Python 环境 $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "无法建立 Python 环境;Debian 请先安装 python3-venv。" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "… 安装依赖"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	@echo "… 安装依赖和测试工具"
	@$(PIP) install --editable '.[test,spark]'
	@touch $(VENV)/.installed $@
