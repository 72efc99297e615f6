"""The key: the content address of an explanation. Same key, same cached text.

In the key                          | Not in the key, and why
------------------------------------|--------------------------------------------------------------
rendered messages                   | id, split, topic, image path: they do not reach the LLM
model name and revision             | the model's path: the revision is the digest of its files
chat template                       | prompt template's name: its rendered text counts
temperature, top_p, max_tokens,     | engine and its version, batch size, concurrency, timeouts,
  seed (greedy: max_tokens only)    |   URL, threads: they decide when, not what
key version                         | max_model_len: it decides only whether a row is sent
                                    | generation.judge: it says what a text is worth, not what it is
"""

import hashlib
import json

from pipeline.llm import LanguageModel
from pipeline.manifest import Sampling
from pipeline.prompt import Message

KEY_VERSION = 1


def explanation_key(messages: list[Message], model: LanguageModel, sampling: Sampling) -> str:
    """Digest (32 hex digits) of everything that decides the text."""
    return _digest(
        {
            "key_version": KEY_VERSION,
            "messages": messages,
            "model": model.name,
            "revision": model.revision,
            "chat_template": model.chat_template_digest,
            "sampling": _deciding(sampling),
        }
    )


def row_seed(messages: list[Message], sampling: Sampling) -> int:
    """The row's own sampling seed, so that rows are independent and order does not matter."""
    return int(_digest({"messages": messages, "seed": sampling.seed}), 16) % 2**31


def _deciding(sampling: Sampling) -> dict[str, float]:
    settings = sampling.model_dump()
    return {"max_tokens": sampling.max_tokens} if sampling.temperature == 0 else settings


def _digest(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
