"""What is asked of a vLLM server and what its answers mean: no network here.

Text-only prompts go to /completions as token ids: the chat template was applied here, so that the template the key
names is the one that was used, and the server tokenises nothing. A prompt with a picture goes to /chat/completions.
"""

import json
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from itertools import groupby
from time import time
from typing import Any

from pipeline.engines.base import Completion, Request
from pipeline.manifest.generation import Sampling

# What a server's own defaults could add (its model's generation_config, say), and no manifest asks for.
_OFF = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
_NOT_ABOUT_THE_ROW = {401: "the API key is refused", 403: "access is refused", 404: "there is no such API or model"}


class MalformedAnswerError(ValueError):
    """The server said 200, and what it sent answers something else, or nothing."""


def batches(requests: Iterable[Request], size: int) -> Iterator[list[Request]]:
    """Up to `size` prompts that can share an HTTP request, prompts with a long common prefix next to each other."""
    ordered = sorted(requests, key=lambda r: (r.max_tokens, r.image_url or "", r.prompt_token_ids))
    return _cut(ordered, size)


def _cut(ordered: list[Request], size: int) -> Iterator[list[Request]]:
    for (_, image), alike in groupby(ordered, key=lambda r: (r.max_tokens, r.image_url)):
        waiting = list(alike)
        step = size if image is None else 1
        for start in range(0, len(waiting), step):
            yield waiting[start : start + step]


def prompts_together(sampling: Sampling, wanted: int) -> int:
    """How many prompts may share a request: one where each has its own seed, which a request has only one of."""
    return 1 if sampling.temperature > 0 else wanted


def body_of(batch: list[Request], model: str, sampling: Sampling) -> tuple[str, dict[str, Any]]:
    """Path below the API's base URL, and JSON body."""
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
        return "/chat/completions", body | {"messages": _with_image(first)}
    # usage counts a whole request; the ids of each answer count one
    return "/completions", body | {"prompt": [r.prompt_token_ids for r in batch], "return_token_ids": len(batch) > 1}


def completions_in(batch: list[Request], content: bytes) -> list[Completion]:
    """The answers to a batch, in its order.

    Raises:
        MalformedAnswerError: not JSON, or not exactly one whole answer to each prompt.
    """
    try:
        answer = json.loads(content)
        choices = sorted(answer["choices"], key=lambda choice: choice["index"])
        if [choice["index"] for choice in choices] != list(range(len(batch))):
            raise MalformedAnswerError(f"{len(choices)} choices for {len(batch)} prompts")
        return [_completion(r, choice, answer, len(batch)) for r, choice in zip(batch, choices, strict=True)]
    except (ValueError, KeyError, TypeError) as error:  # JSON and UTF-8 errors are ValueErrors
        raise MalformedAnswerError(f"malformed answer: {type(error).__name__}: {error}") from error


def is_temporary(status: int) -> bool:
    """Overload or a fault of the server, not of what was asked."""
    return status in (408, 429) or status >= 500


def why_nobody_is_served(status: int) -> str | None:
    """What a refusal means that every other row would meet too."""
    return _NOT_ABOUT_THE_ROW.get(status)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms."""
    if header is None:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - time()
    except ValueError:
        return None
    return max(seconds, 0.0)


def _completion(request: Request, choice: dict[str, Any], answer: dict[str, Any], of: int) -> Completion:
    text = choice["message"]["content"] or "" if "message" in choice else choice["text"]
    if not isinstance(text, str) or choice["finish_reason"] not in ("stop", "length"):
        raise MalformedAnswerError(f"finish_reason {choice['finish_reason']!r} with a {type(text).__name__}")
    if of == 1:
        counts = answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]
    else:
        counts = len(choice["prompt_token_ids"]), len(choice["token_ids"])
        if choice["prompt_token_ids"] != request.prompt_token_ids:
            raise MalformedAnswerError(f"choice {choice['index']} answers another prompt")
    return Completion(request.key, text, choice["finish_reason"], *counts)


def _with_image(request: Request) -> list[dict[str, Any]]:
    """The chat, its last user message in parts: the text, then the picture."""
    messages: list[dict[str, Any]] = [dict(message) for message in request.messages]
    last = next(message for message in reversed(messages) if message["role"] == "user")
    picture = {"type": "image_url", "image_url": {"url": request.image_url}}
    last["content"] = [{"type": "text", "text": last["content"]}, picture]
    return messages
