"""Parses a server's answers; does not access the network. Nothing that a server sends is trusted to have a type.

What is wrong with the answer to one prompt becomes a completion with an error; what is wrong with the whole response,
or may be gone on the next attempt, raises an error that makes the client ask again.
"""

import json
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from pipeline.engines.base import Completion, Request
from pipeline.engines.storable import storable
from pipeline.engines.vllm.contents import UnknownContentError, text_of

# Refusals that affect every row, by HTTP status.
GENERAL_REFUSALS = {401: "rejects the API key", 403: "denies access", 404: "has no such API or model"} | dict.fromkeys(
    (301, 302, 303, 307, 308), "redirects to another URL; write that URL"
)
# Names that servers other than vLLM have for its two.
_FINISH_REASONS = {
    **dict.fromkeys(("stop", "eos", "eos_token", "stop_token", "stop_sequence", "end_turn"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_length", "max_new_tokens"), "length"),
}
_ABORTED = ("abort", "aborted", "error", "cancelled")  # by the engine, for reasons of its own
_LONGEST_NAME = 60  # characters of a server's finish_reason that are shown
CountTokens = Callable[[str], int]


class MalformedAnswerError(ValueError):
    """A response with status 200 whose content does not answer the request."""


class AbortedAnswerError(MalformedAnswerError):
    """A response with status 200 that says that the engine gave up on a prompt."""


def completions_in(batch: list[Request], content: bytes, count_tokens: CountTokens) -> list[Completion]:
    """Parse the answers to a batch, in the order of its requests. Completions that cannot be stored have an error.

    Args:
        count_tokens: counts the tokens of a text; called if the server did not.

    Raises:
        AbortedAnswerError: the engine gave up on one of the prompts.
        MalformedAnswerError: the content is not JSON, holds an error, or does not hold exactly one answer per prompt.
    """
    answer = _json_object(content)
    choices = answer.get("choices")
    if not choices and (message := error_in(answer)) is not None:
        raise MalformedAnswerError(f"HTTP 200 with an error: {message}")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise MalformedAnswerError("malformed answer: no list of choices")
    by_index = {choice.get("index", 0 if len(batch) == 1 else None): choice for choice in choices if _has_index(choice)}
    if len(choices) != len(batch) or by_index.keys() != set(range(len(batch))):
        raise MalformedAnswerError(f"malformed answer: got {len(choices):,} choices for {len(batch)} prompts")
    usage = answer.get("usage") if len(batch) == 1 else None
    return [storable(_completion(request, by_index[i], usage, count_tokens)) for i, request in enumerate(batch)]


def error_in(answer: dict[str, Any]) -> str | None:
    """Return the message of an object that describes an error; None if it does not."""
    error = answer.get("error") or answer.get("detail") or (answer.get("object") == "error" and answer.get("message"))
    if not error:
        return None
    if isinstance(error, dict):
        scalars = {name: value for name, value in error.items() if isinstance(value, str | int | float | None)}
        return str(scalars.get("message") or scalars)
    return error if isinstance(error, str) else f"a {type(error).__name__}"


def is_temporary(status: int) -> bool:
    """Return True for an HTTP status that a retry may resolve: time-out, overload or server error."""
    return status in (408, 429) or status >= 500


def retry_after(header: str | None) -> float | None:
    """Return the seconds to wait according to a Retry-After header (a number or a date); None if missing or invalid."""
    if header is None:
        return None
    header = header.strip()
    if re.fullmatch(r"\d{1,300}(\.\d{1,300})?", header, re.ASCII):
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - time(), 0.0)
    except (ValueError, TypeError, OverflowError, IndexError, OSError):  # OSError: a date beyond the system's clock
        return None


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except RecursionError:
        raise MalformedAnswerError("malformed answer: JSON that is nested too deeply") from None
    except ValueError as error:  # JSON and UTF-8 errors, and numbers of thousands of digits
        raise MalformedAnswerError(f"malformed answer: {type(error).__name__}: {error}") from None
    if not isinstance(answer, dict):
        raise MalformedAnswerError(f"malformed answer: expected a JSON object, got a {type(answer).__name__}")
    return answer


def _has_index(choice: dict[str, Any]) -> bool:
    return "index" not in choice or type(choice["index"]) is int


def _completion(request: Request, choice: dict[str, Any], usage: Any, count_tokens: CountTokens) -> Completion:
    # A server that answers twice on one connection would answer the next request with the second answer.
    prompt_ids = None if request.image_url is not None else choice.get("prompt_token_ids")
    if prompt_ids is not None and prompt_ids != request.prompt_token_ids:
        raise MalformedAnswerError(f"malformed answer: choice {choice.get('index')} answers a different prompt")
    given = choice.get("finish_reason")
    name = given.lower() if isinstance(given, str) else None
    if name in _ABORTED:
        raise AbortedAnswerError(f"the engine gave up on the answer (finish_reason {_quoted(given)})")
    finish_reason = _FINISH_REASONS.get(name) if name is not None else None
    if finish_reason is None:
        return Completion(
            request.key,
            error=f"the answer may be incomplete: it has finish_reason {_quoted(given)}, not 'stop' or 'length'",
        )
    try:
        text = text_of(choice, finish_reason)
    except UnknownContentError as error:
        return Completion(request.key, error=str(error))
    if text is None:
        raise MalformedAnswerError("malformed answer: a choice without a text")
    if isinstance(usage, dict | None):
        counts = usage or {}
    else:
        return Completion(request.key, error=f"the answer cannot be stored: its usage is a {type(usage).__name__}")
    used, made = counts.get("prompt_tokens"), counts.get("completion_tokens")
    ids = choice.get("token_ids")
    if made is None and isinstance(ids, list):
        made = len(ids)
    completion = Completion(request.key, text, finish_reason, request.prompt_tokens if used is None else used, made)
    if made is None and storable(completion) is completion:
        made = count_tokens(text)
    return Completion(request.key, text, finish_reason, completion.prompt_tokens, made)


def _quoted(value: Any) -> str:
    """Return a finish_reason as a message shows it."""
    if value is None:
        return "null"
    return repr(value[:_LONGEST_NAME]) if isinstance(value, str) else f"of type {type(value).__name__}"
