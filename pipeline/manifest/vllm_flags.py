"""vLLM server flags that `generation.engine.serve` must not contain, and what to set instead."""

_HERE_ONLY = "our own server is reachable from this machine only"
_INSTEAD = {
    "model": "set generation.model",
    "served-model-name": "it is taken from generation.model",
    **dict.fromkeys(("revision", "code-revision"), "set generation.revision"),
    **dict.fromkeys(
        ("tokenizer", "tokenizer-revision", "tokenizer-mode", "skip-tokenizer-init"),
        "prompts are sent as token ids of the model's own tokenizer",
    ),
    "chat-template": "the model's own chat template is used and is part of the key",
    **dict.fromkeys(("host", "port", "uds", "root-path", "headless", "grpc"), _HERE_ONLY),
    "api-key": "our own server needs none; for others set generation.engine.api_key_env",
    "hf-token": "set HF_TOKEN in the environment: the manifest is written into every shard",
    "config": "list the flags of that file here",
    "max-model-len": "set generation.max_model_len",
    "max-num-seqs": "set generation.engine.max_num_seqs",
    "dtype": "set generation.engine.dtype",
    "tensor-parallel-size": "set generation.engine.tensor_parallel_size",
    "data-parallel-size": "set generation.engine.data_parallel_size",
    "gpu-memory-utilization": "set generation.engine.gpu_memory_utilization",
    "device-memory-utilization": "set generation.engine.gpu_memory_utilization",
    **dict.fromkeys(("generation-config", "override-generation-config"), "set generation.sampling"),
    "seed": "set generation.sampling.seed",
    "allowed-local-media-path": "set generation.send_image",
}


def plain_flag(flag: str) -> str:
    """Strip a flag's leading dashes, and turn its underscores into dashes, except after a dot."""
    name, dot, key = flag.lstrip("-").partition(".")
    return name.replace("_", "-") + dot + key


def refused_flag(flag: str) -> str | None:
    """Return what to do instead of passing a flag through, or None if it may be passed through."""
    name = plain_flag(flag).partition(".")[0].removeprefix("no-")
    if name.startswith("ssl-"):
        return _HERE_ONLY
    # vLLM accepts any unambiguous prefix of a flag
    return next((instead for own, instead in _INSTEAD.items() if own.startswith(name)), None)
