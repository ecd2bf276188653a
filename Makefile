# passerby: make help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.passerby-ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format default-model compare

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: $(STAMP) ## a virtual environment in .venv with passerby and its tools

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## index drawn people, answer three sentences, write a page and a contact sheet
	$(BIN)/passerby demo

test: setup ## every test but those that need a GPU, offline
	$(BIN)/python -m pytest -n 2

check: setup ## format, lint, types and house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/house

format: setup ## put files into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

default-model: setup ## draw people and train the shipped model again (three quarters of an hour on 2 idle cores)
	$(BIN)/passerby train recipes/default.toml --resume
	$(BIN)/passerby calibrate runs/default/best --data drawn:drawn-people
	$(BIN)/python benchmarks/ship_default.py runs/default/best

compare: setup ## train every method alike and compare them (about an hour on 2 idle cores)
	$(BIN)/python benchmarks/compare.py runs/compare --out results/compare.json
	$(BIN)/python benchmarks/tables.py
