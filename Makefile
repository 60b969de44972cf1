# Two commands on a fresh clone: `make demo` and `make test`. Nothing else has to be installed by hand.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
STUDY ?= config/lithium.yaml
PROFILE ?= profiles/local
LIBRARY := workflow/lib
QIM3D := qim3d==1.5.3
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/$(LIBRARY)
export STUDY PROFILE CORES

# One driver at a time; the kernel frees this lock when a driver dies, so a killed run goes on with the same command.
RUN := flock --nonblock --conflict-exit-code 75 .driver.lock sh -c

.PHONY: help setup demo lithium-25 run dryrun data test lint format schema lock bench clean

help: ## Show the targets.
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Make the environment from the lock.

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

data: data/lithium/samples.tsv data/qim3d ## Make the demo's phantom, fetch its real volume.

data/lithium/samples.tsv: $(READY)
	test -e $@ || tomocell synthesize lithium --out data/lithium
	touch $@

data/qim3d: $(READY)
	rm -rf $@.partial
	test -e $@ || { $(BIN)/python -m pip install --quiet --no-deps --target data/qim3d.partial $(QIM3D) && mv data/qim3d.partial $@; }
	touch $@

demo: data ## Run the demo: a lithium cell with known truth, and a real volume of cement.
	@$(MAKE) --no-print-directory run STUDY=config/voids.yaml
	@$(MAKE) --no-print-directory run STUDY=config/lithium.yaml
	@echo
	@echo "Reports, to open in a browser:"
	@ls -1 $(CURDIR)/results/voids/report.html $(CURDIR)/results/lithium/report.html

lithium-25: data/lithium-25/samples.tsv ## Run the whole cycle: the lithium cell in 25 timesteps.
	@$(MAKE) --no-print-directory run STUDY=config/lithium-25.yaml
	@echo
	@echo "Report, to open in a browser:"
	@ls -1 $(CURDIR)/results/lithium-25/report.html

data/lithium-25/samples.tsv: $(READY)
	test -e $@ || tomocell synthesize lithium_25 --out data/lithium-25
	touch $@

run: $(READY) ## Run a study: make run STUDY=config/mine.yaml
	@$(RUN) 'snakemake --profile "$$PROFILE" --cores "$$CORES" --config study="$$STUDY" --unlock --quiet all \
	  && exec snakemake --profile "$$PROFILE" --cores "$$CORES" --config study="$$STUDY"' \
	  || { status=$$?; [ $$status = 75 ] && echo "Another run holds .driver.lock: wait for it, or end it."; exit $$status; }

dryrun: data ## Show what would run: make dryrun PROFILE=profiles/slurm STUDY=config/mine.yaml
	snakemake --profile "$$PROFILE" --config study="$$STUDY" --dry-run --quiet

test: data ## Run every test, CORES at a time.
	pytest --numprocesses "$$CORES" --no-loadscope-reorder

lint: $(READY) data ## Run the linters.
	ruff check .
	ruff format --check .
	mypy
	codespell
	snakefmt --check Snakefile workflow
	snakemake --lint --config study=config/lithium.yaml
	snakemake --lint --config study=config/voids.yaml

format: $(READY) ## Put the code into form.
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

schema: $(READY) ## Write config/schema.json from the settings.
	python -m tomocell schema --out config

lock: ## Resolve requirements.in anew and pin everything.
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --requirement requirements.in
	python3 resources/lock.py .venv-lock/bin/pip > requirements.lock
	rm -r .venv-lock

bench: $(READY) ## Run the benchmarks, ours beside the peers.
	for script in benchmarks/*.py; do echo "== $$script"; python $$script; done

clean: ## Remove the demo's data and results; the environment and other studies stay.
	rm -rf results/lithium results/voids results/models/lithium data/lithium data/qim3d data/qim3d.partial
	rm -rf results/logs/*/lithium.* results/logs/*/voids.* results/benchmarks/*/lithium.* results/benchmarks/*/voids.*
