# All targets work from a fresh clone: each makes what it needs first. `make help` lists them.

SHELL := /bin/bash
VENV := .venv/bin
ENGINE := docker/engine.sh run
PROCESSES ?= 3
SEEDS ?= 1-2
export AIRFLOW_HOME ?= $(CURDIR)/.venv/airflow
# Hundreds of short Airflow processes start in the tests; without byte code each would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install images lint format unit hunt test test-chaos soak chaos demo demo-hibernation bench bench-planning bench-control constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install the provider and its tools into .venv
	@docker/install.sh

images: ## Build the Docker images of the local cloud
	@$(ENGINE) docker/build.sh

lint: install ## ruff and mypy
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

format: install ## Let ruff format and fix what it can
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

unit: install ## The quick tests, without Docker
	@$(VENV)/python -m pytest tests/unit tests/property

hunt: install ## The property tests with new random examples
	@$(VENV)/python -m pytest --hypothesis-profile hunt tests/property

test: install ## Lint and all tests
	@PROCESSES=$(PROCESSES) tests/run.sh

test-chaos: install ## Ten runs under chaos, by ten seeds
	@$(MAKE) --no-print-directory chaos SEEDS=1-10

soak: install ## Fifty runs under chaos, 2 to 5 minutes each
	@$(MAKE) --no-print-directory chaos SEEDS=1-50

chaos: install ## Runs under chaos, by seed: SEEDS=7, SEEDS=1-10
	@docker/test-servers.sh
	@HADS_CHAOS_SEEDS=$(SEEDS) $(ENGINE) docker/run-with-images.sh $(VENV)/python -m pytest -s tests/system/outages/test_chaos.py

demo-hibernation: install ## Run a job of which a spot VM hibernates for good, and show what is done about it
	@$(ENGINE) docker/run-with-images.sh $(VENV)/python -m airflow_provider_hads.commands.demo hibernation --hibernate vm-1

demo: install ## Run the example job on a cloud in a box, and show what happens
	@$(ENGINE) docker/run-with-images.sh $(VENV)/python -m airflow_provider_hads.commands.demo

bench: install ## Measure overheads and latencies
	@docker/test-servers.sh
	@$(ENGINE) docker/run-with-images.sh $(VENV)/python -m pytest -s tests/benchmarks

bench-planning: install ## Compare the planners: cost, gap to the proven bound, seconds
	@$(VENV)/python tests/benchmarks/planning.py

bench-control: install ## What the policies cost in simulation, beside the published figures
	@$(VENV)/python -m tests.benchmarks.control_tables

constraints: install ## Resolve the newest versions into constraints.txt
	@docker/constraints.sh

clean: ## Remove what was made in the checkout, and stop our engine; images stay in the cache
	@docker/engine.sh stop
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
