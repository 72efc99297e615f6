"""The key: the content address of an explanation. Rows with the same key share a text.

In the key                          | Not in the key, and why
------------------------------------|--------------------------------------------------------------
rendered messages, including        | id, split, topic: they reach the LLM only through the messages
  few-shot examples                 | the image's path; the image if it is not sent to the LLM
that contents are given as parts,   |
  and that special tokens' texts in |
  data are read as text, if it      |
  changes token ids                 |
the image's bytes if it is sent to  | the model's path: the revision is the digest of its files
  the LLM (`send_image`)            | prompt template's name: only its rendered text matters
model name and revision             | engine and its version, hardware, batch size, concurrency,
chat template and its arguments     |   timeouts, URLs, threads, parallel sizes, memory share and all
temperature, top_p, max_tokens,     |   other flags: they affect speed, and the text only through rounding
  seed, stop (greedy: max_tokens    | a dtype of `auto`: the engine's choice may differ by machine,
  and stop only)                    |   but existing rows must be found on all machines
dtype if set in the manifest        | max_model_len: it decides only whether a row is sent
`serve` flags that change weights   | generation.judge: it rates a text, but does not change it
  or cache (`DECIDING_FLAGS`)       | dtype and flags of servers at `urls`: they are unknown
key version                         |
"""

import hashlib
import json
from typing import Any

from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Engine, Sampling, VllmEngine
from pipeline.prompts.template import Message

KEY_VERSION = 2
DECIDING_FLAGS = "quantization quantization-config hf-overrides kv-cache-dtype load-format mm-processor-kwargs".split()

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class Addresses:
    """Computes the keys and seeds of rows; settings shared by all rows are hashed only once."""

    def __init__(self, model: LanguageModel, sampling: Sampling, engine: Engine) -> None:
        model.check_template_arguments()
        arguments = {"chat_template_kwargs": model.template_arguments} if model.template_arguments else {}
        self._settings = _digest(
            {
                **arguments,
                "key_version": KEY_VERSION,
                "model": model.name,
                "revision": model.revision,
                "chat_template": model.chat_template_digest,
                "sampling": sampling.model_dump(include={"max_tokens", "stop"} if sampling.temperature == 0 else None),
                "weights": _weights(engine),
            }
        )
        self._seed = sampling.seed.to_bytes(8, "big")

    def address(
        self, messages: list[Message], image: str | None = None, form: dict[str, str] | None = None
    ) -> tuple[str, int]:
        """Return a row's key (32 hex digits, a hash of everything that determines the text) and its sampling seed.

        The seed depends on the messages and image, so that rows are independent and their order does not matter.

        Args:
            image: digest of the image sent to the LLM, if any.
            form: what else decides the token ids, see `pipeline.chat.prompts.Prompt`; None or empty for most rows.
        """
        more = {"image": image} if image is not None else {}
        content = _digest({"messages": messages, **more, **(form or {})} if more or form else messages)
        key = hashlib.blake2b(self._settings + content, digest_size=16).hexdigest()
        seed = hashlib.blake2b(self._seed + content, digest_size=4).digest()
        return key, int.from_bytes(seed, "big") % 2**31


def _weights(engine: Engine) -> dict[str, Any]:
    chosen: dict[str, Any] = {} if engine.dtype == "auto" else {"dtype": engine.dtype}
    if isinstance(engine, VllmEngine):
        chosen |= {flag: value for flag, value in engine.serve.items() if flag.partition(".")[0] in DECIDING_FLAGS}
    return chosen


def _digest(content: object) -> bytes:
    return hashlib.blake2b(_encode(content).encode("utf-8", "surrogatepass"), digest_size=16).digest()
