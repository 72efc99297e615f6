"""Builds request bodies for a vLLM server and parses its responses; does not access the network.

Text-only prompts go to /completions as token ids: we apply the chat template ourselves, because the row's key depends
on it, and the server need not tokenize. A prompt with an image goes to /chat/completions.
"""

import json
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from itertools import groupby
from time import time
from typing import Any

from pipeline.engines.base import Completion, Request
from pipeline.manifest.generation import Sampling

# Set explicitly, because a server's own defaults (such as its model's generation_config) could enable these.
_OFF = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
_REASONING = ("reasoning", "reasoning_content", "thinking")  # names of the field, by server and version
# Refusals that affect every row, by HTTP status.
GENERAL_REFUSALS = {401: "rejects the API key", 403: "denies access", 404: "has no such API or model"}


class MalformedAnswerError(ValueError):
    """A response with status 200 whose content does not answer the request."""


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
    # `usage` counts the whole request; token ids are needed to count each answer
    return "/completions", body | {"prompt": [r.prompt_token_ids for r in batch], "return_token_ids": len(batch) > 1}


def completions_in(batch: list[Request], content: bytes) -> list[Completion]:
    """Parse the answers to a batch, in the order of its requests.

    Raises:
        MalformedAnswerError: the content is not JSON, or does not hold exactly one complete answer per prompt.
    """
    try:
        answer = json.loads(content)
        choices = sorted(answer["choices"], key=lambda choice: choice["index"])
        if [choice["index"] for choice in choices] != list(range(len(batch))):
            raise MalformedAnswerError(f"got {len(choices)} choices for {len(batch)} prompts")
        return [_completion(r, choice, answer, len(batch)) for r, choice in zip(batch, choices, strict=True)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # UTF-8 errors are ValueErrors
        raise MalformedAnswerError(f"malformed answer: {type(error).__name__}: {error}") from error


def is_temporary(status: int) -> bool:
    """Return True for an HTTP status that a retry may resolve: time-out, overload or server error."""
    return status in (408, 429) or status >= 500


def retry_after(header: str | None) -> float | None:
    """Return the seconds to wait according to a Retry-After header (a number or a date); None if missing or invalid."""
    if header is None:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - time()
    except ValueError:
        return None
    return max(seconds, 0.0)


def _completion(request: Request, choice: dict[str, Any], answer: dict[str, Any], of: int) -> Completion:
    text = _text_of(choice)
    if not isinstance(text, str) or choice["finish_reason"] not in ("stop", "length"):
        got = f"{type(text).__name__} with finish_reason {choice['finish_reason']!r}"
        raise MalformedAnswerError(f"expected a string with finish_reason 'stop' or 'length', got {got}")
    if of == 1:
        counts = answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]
    else:
        counts = len(choice["prompt_token_ids"]), len(choice["token_ids"])
        if choice["prompt_token_ids"] != request.prompt_token_ids:
            raise MalformedAnswerError(f"choice {choice['index']} answers a different prompt")
    return Completion(request.key, text, choice["finish_reason"], *counts)


def _text_of(choice: dict[str, Any]) -> Any:
    """Return the text as the model generated it: a server that splits off the thinking returns it in a field."""
    message = choice.get("message", choice)
    text = (message.get("content") or "") if "message" in choice else choice["text"]
    thinking = next((message[key] for key in _REASONING if isinstance(message.get(key), str) and message[key]), None)
    if thinking is None or not isinstance(text, str):
        return text
    return f"<think>{thinking}</think>{text}" if text or choice["finish_reason"] == "stop" else f"<think>{thinking}"


def _with_image(request: Request) -> list[dict[str, Any]]:
    """Return the chat with the image added to the last user message, after its text."""
    messages: list[dict[str, Any]] = [dict(message) for message in request.messages]
    last = next(message for message in reversed(messages) if message["role"] == "user")
    image = {"type": "image_url", "image_url": {"url": request.image_url}}
    last["content"] = [{"type": "text", "text": last["content"]}, image]
    return messages
