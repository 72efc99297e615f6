"""The key: the content address of an explanation. Same key, same cached text.

In the key                          | Not in the key, and why
------------------------------------|--------------------------------------------------------------
rendered messages, few-shot         | id, split, topic: they reach the LLM through the messages only
  examples among them               | the image's path; the image where the LLM is not shown it
image's bytes, where the LLM is     | the model's path: the revision is the digest of its files
  shown it (`send_image`)           | prompt template's name: its rendered text counts
model name and revision             | engine and its version, hardware, batch size, concurrency,
chat template                       |   timeouts, URLs, threads, parallel sizes, memory share and all
temperature, top_p, max_tokens,     |   other flags: they decide when, and what only by rounding
  seed, stop (greedy: max_tokens    | a dtype of `auto`: the engine's choice on its machine, so that
  and stop only)                    |   the same rows are found again on another one
dtype where the manifest names one  | max_model_len: it decides only whether a row is sent
`serve` flags that change weights   | generation.judge: it says what a text is worth, not what it is
  or cache (`DECIDING_FLAGS`)       | dtype and flags of servers at `urls`: nobody here knows them
key version                         |
"""

import hashlib
import json
from typing import Any

from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Engine, Sampling, VllmEngine
from pipeline.prompts.template import Message

KEY_VERSION = 2
DECIDING_FLAGS = (
    "quantization",
    "quantization-config",
    "hf-overrides",
    "kv-cache-dtype",
    "load-format",
    "mm-processor-kwargs",
)

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class Addresses:
    """Gives rows their keys and seeds; what is the same for all of them is digested once."""

    def __init__(self, model: LanguageModel, sampling: Sampling, engine: Engine) -> None:
        self._settings = _digest(
            {
                "key_version": KEY_VERSION,
                "model": model.name,
                "revision": model.revision,
                "chat_template": model.chat_template_digest,
                "sampling": _deciding(sampling),
                "weights": _weights(engine),
            }
        )
        self._seed = sampling.seed.to_bytes(8, "big")

    def address(self, messages: list[Message], image: str | None = None) -> tuple[str, int]:
        """Key (32 hex digits) of everything that decides the text, and the row's own sampling seed.

        The seed depends on what the row asks, so that rows are independent and their order does not matter.

        Args:
            image: digest of the picture the LLM is shown.
        """
        asked = _digest(messages if image is None else {"messages": messages, "image": image})
        key = hashlib.blake2b(self._settings + asked, digest_size=16).hexdigest()
        seed = hashlib.blake2b(self._seed + asked, digest_size=4).digest()
        return key, int.from_bytes(seed, "big") % 2**31


def _deciding(sampling: Sampling) -> dict[str, Any]:
    settings = sampling.model_dump()
    return {"max_tokens": sampling.max_tokens, "stop": sampling.stop} if sampling.temperature == 0 else settings


def _weights(engine: Engine) -> dict[str, Any]:
    chosen: dict[str, Any] = {} if engine.dtype == "auto" else {"dtype": engine.dtype}
    if isinstance(engine, VllmEngine):
        chosen |= {flag: value for flag, value in engine.serve.items() if flag.partition(".")[0] in DECIDING_FLAGS}
    return chosen


def _digest(content: object) -> bytes:
    return hashlib.blake2b(_encode(content).encode("utf-8", "surrogatepass"), digest_size=16).digest()
