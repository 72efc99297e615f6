"""Estimates the disk that generation takes, and the memory that the LLM needs, from its files."""

import json
from pathlib import Path
from typing import Any

from pipeline.checking.report import LlmMemory
from pipeline.engines.base import Completion, Request
from pipeline.llm import LanguageModel

_ROW_BYTES = 200  # id, key, image path, status and counts
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def row_bytes(requests: list[Request], completions: list[Completion]) -> float:
    """Return the mean size of a row, before compression: its caption, its text as generated and as cleaned."""
    captions = sum(len(request.messages[-1]["content"].encode()) for request in requests) / len(requests)
    texts = sum(len((completion.text or "").encode()) for completion in completions) / max(len(completions), 1)
    return _ROW_BYTES + captions + 2 * texts


def llm_memory(model: LanguageModel, dtype: str, max_model_len: int) -> LlmMemory | None:
    """Return the sizes of the LLM's weights and of its KV cache; None if its files are not on this machine.

    Args:
        dtype: data type of the cache; "auto": that of the weights.
        max_model_len: tokens of the longest sequence.
    """
    folder = Path(model.source) if model.is_local else _cached(model)
    if folder is None:
        return None
    for pattern in ("*.safetensors", "*.bin"):
        if weights := sum(path.stat().st_size for path in folder.glob(pattern)):
            break
    try:
        per_token = _kv_bytes(json.loads((folder / "config.json").read_bytes()), dtype)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        per_token = None  # an architecture without attention, or a configuration of another form
    if not weights:
        return None
    return LlmMemory(weights_bytes=weights, kv_bytes_per_token=per_token, max_model_len=max_model_len)


def _cached(model: LanguageModel) -> Path | None:
    from huggingface_hub import try_to_load_from_cache  # takes half a second to import

    found = try_to_load_from_cache(model.name, "config.json", revision=model.revision)
    return Path(found).parent if isinstance(found, str) else None


def _kv_bytes(config: dict[str, Any], dtype: str) -> int:
    """Return the bytes of a token's keys and values in all layers."""
    config = config.get("text_config", config)  # of a model that reads images too
    heads = config["num_attention_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    stored = str(config.get("dtype") or config.get("torch_dtype") or "bfloat16")
    size = _BYTES.get(stored if dtype == "auto" else dtype, 2)
    return int(2 * config["num_hidden_layers"] * (config.get("num_key_value_heads") or heads) * head * size)
