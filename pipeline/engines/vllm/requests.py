"""Builds request bodies for a vLLM server; does not access the network.

Text-only prompts go to /completions as token ids: we apply the chat template ourselves, because the row's key depends
on it, and the server need not tokenize. A prompt with an image goes to /chat/completions.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from pipeline.engines.base import Request
from pipeline.manifest.generation import Sampling

# Set explicitly, because a server's own defaults (such as its model's generation_config) could enable these.
_OFF = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
_BYTES_PER_ANSWER = 2**20
_BYTES_PER_TOKEN = 128


def batches(requests: Iterable[Request], size: int) -> list[list[Request]]:
    """Divide requests into batches of up to `size` (one HTTP request each), grouping prompts with a common prefix."""
    ordered = sorted(requests, key=lambda r: (r.max_tokens, r.image_url or "", r.prompt_token_ids))
    result: list[list[Request]] = []
    for (_, image), group in groupby(ordered, key=lambda r: (r.max_tokens, r.image_url)):
        waiting = list(group)
        step = size if image is None else 1
        result += [waiting[start : start + step] for start in range(0, len(waiting), step)]
    return result


def body_of(
    batch: list[Request], model: str, sampling: Sampling, template_arguments: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the HTTP request for a batch: the path relative to the API's base URL, and the JSON body.

    Args:
        template_arguments: arguments of the chat template, which the server applies to prompts with images.
    """
    first = batch[0]
    body: dict[str, Any] = {
        "model": model,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": first.max_tokens,
        "seed": first.seed,
        **_OFF,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if first.image_url is not None:
        arguments = {"chat_template_kwargs": dict(template_arguments)} if template_arguments else {}
        return "/chat/completions", body | arguments | {"messages": _with_image(first)}
    # `usage` counts the whole request: ids are needed to count each answer, and to know that it is the prompt's
    return "/completions", body | {"prompt": [r.prompt_token_ids for r in batch], "return_token_ids": True}


def most_bytes(batch: list[Request]) -> int:
    """Return how large the answer to a batch may be: far more than its text and token ids take in JSON."""
    return _BYTES_PER_ANSWER + _BYTES_PER_TOKEN * sum(r.prompt_tokens + r.max_tokens for r in batch)


def _with_image(request: Request) -> list[dict[str, Any]]:
    """Return the chat with the image added to the last user message, after its text."""
    messages: list[dict[str, Any]] = [dict(message) for message in request.messages]
    last = next(message for message in reversed(messages) if message["role"] == "user")
    image = {"type": "image_url", "image_url": {"url": request.image_url}}
    last["content"] = [{"type": "text", "text": last["content"]}, image]
    return messages
