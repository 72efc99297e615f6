"""Flags of a vLLM server that a manifest may pass through (`generation.engine.serve`), and those that it may not."""

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
