# Two commands: `make demo` runs the product, `make test` proves it.
# PYTHON is the Python 3.11 that makes the virtual environment; everything else runs inside .venv.
PYTHON ?= python3
SERVE ?= 1
BIN := .venv/bin

.PHONY: demo test chaos fuzz soak bench setup setup-dev lint lock manifest lineage cards clean

demo: setup
	@$(BIN)/python -m trending_assets demo $(if $(filter 0,$(SERVE)),--no-serve)

test: setup-dev lint
	@$(BIN)/python -m pytest -n 2 --dist loadscope

# Sixty kills of the command line at random points, for about half an hour; CHAOS_SEED repeats those of a run, and
# CHAOS_SHARE=0.1 makes a tenth of them.
chaos: setup-dev
	@$(BIN)/python -m pytest -m chaos -s trending_assets_tests/chaos

# Thousands of requests made from the OpenAPI document, others each time; FUZZ_SEED repeats those of a run.
FUZZ_CASES ?= 500
FUZZ_SEED := $(or $(FUZZ_SEED),$(shell date +%s))
fuzz: setup-dev
	@echo "FUZZ_SEED=$(FUZZ_SEED): $(FUZZ_CASES) requests a call, to an app with everything, with nothing, and with keys"
	@FUZZ_CASES=$(FUZZ_CASES) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest trending_assets_tests/serving/test_openapi.py

# The API at a share of its capacity for minutes, while models are swapped, Valkey is killed and the log rotates.
SOAK_MINUTES ?= 10
SOAK_SHARE ?= 0.8
soak: setup-dev
	@$(BIN)/python -W ignore -m benchmarks.soak --minutes $(SOAK_MINUTES) --share $(SOAK_SHARE)

# Each prints the project beside its peer; `make bench BENCH=cleaning` runs one. All of them take hours.
BENCH ?= cleaning event_log identity history archives models trend materialize drift sensors serving
bench: setup-dev
	@for name in $(BENCH); do echo "== $$name"; $(BIN)/python -W ignore -m benchmarks.$$name || exit 1; done

lint: setup-dev
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-cache

setup:
	@$(PYTHON) infra/bootstrap.py

setup-dev:
	@$(PYTHON) infra/bootstrap.py --dev

# Writes the pinned requirement files anew from pyproject.toml; needs uv (`pip install uv`).
LOCK := uv pip compile pyproject.toml --python-version 3.11 --override infra/overrides.txt --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate --quiet
lock:
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra dev --constraint requirements.txt --output-file requirements-dev.txt

# Writes dbt's reduced manifest anew after a model was changed.
manifest: setup
	@$(BIN)/python -m trending_assets.assets.cleaned.manifest

# Draws docs/lineage.svg from the live definitions.
lineage: setup
	@$(BIN)/python infra/lineage.py docs/lineage.svg

# Writes docs/data-cards from the registry of sources.
cards: setup
	@$(BIN)/python infra/cards.py docs/data-cards

clean:
	rm -rf .venv .trending .mypy_cache .ruff_cache build *.egg-info
