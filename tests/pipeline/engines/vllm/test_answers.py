"""What becomes of each answer that a server may give."""

import json
import re
from typing import Any

import pytest

from pipeline.engines.base import Request
from pipeline.engines.storable import LONGEST_TEXT
from pipeline.engines.vllm.answers import (
    AbortedAnswerError,
    MalformedAnswerError,
    completions_in,
    retry_after,
)

REQUESTS = [Request(str(i), [{"role": "user", "content": "x"}], [1, 2], i, 8) for i in range(2)]
USAGE = {"prompt_tokens": 2, "completion_tokens": 3}


def _count(text: str) -> int:
    return 1000 + len(text.split())


def _completions(choices: list[dict[str, Any]], **other: Any) -> list[tuple[Any, ...]]:
    content = json.dumps({"choices": choices, "usage": USAGE} | other).encode()
    found = completions_in(REQUESTS[: len(choices)], content, _count)
    return [(c.text, c.finish_reason, c.prompt_tokens, c.completion_tokens, c.error) for c in found]


def _one(choice: dict[str, Any] | None = None, **other: Any) -> tuple[Any, ...]:
    return _completions([{"index": 0, "finish_reason": "stop", "text": "a b"} | (choice or {})], **other)[0]


@pytest.mark.parametrize(
    ("message", "finish_reason", "text"),
    [
        ({"content": "a"}, "stop", "a"),
        ({"content": "a", "reasoning_content": None}, "stop", "a"),
        ({"content": "a", "reasoning": "hm"}, "stop", "<think>hm</think>a"),
        ({"content": "a", "reasoning_content": "hm"}, "length", "<think>hm</think>a"),
        ({"content": None, "reasoning_content": "hm"}, "length", "<think>hm"),
        ({"content": "", "reasoning": "hm"}, "stop", "<think>hm</think>"),
        ({"reasoning": "hm"}, "length", "<think>hm"),
        ({"content": [{"type": "text", "text": "a "}, {"type": "output_text", "text": "b"}, "c"]}, "stop", "a bc"),
        ({"content": []}, "stop", ""),
        (
            {"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}, {"text": "a"}]},
            "stop",
            "<think>hm</think>a",
        ),
        ({"content": None, "refusal": "I'm sorry, but I can't"}, "stop", "I'm sorry, but I can't"),
    ],
)
def test_the_text_is_found_wherever_servers_put_it(message: dict[str, Any], finish_reason: str, text: str) -> None:
    choice = {"index": 0, "finish_reason": finish_reason, "message": message}
    assert _completions([choice]) == [(text, finish_reason, 2, 3, None)]


@pytest.mark.parametrize("given", ["eos_token", "stop_sequence", "STOP", "length", "max_tokens"])
def test_finish_reasons_of_other_servers_are_taken_as_vllms(given: str) -> None:
    assert _one({"finish_reason": given})[:2] == ("a b", "length" if given in ("length", "max_tokens") else "stop")


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 5}, {"prompt_tokens": 5, "completion_tokens": None}])
def test_tokens_that_a_server_does_not_count_are_counted_here(usage: Any) -> None:
    assert _one(usage=usage) == ("a b", "stop", 5 if usage else 2, 1002, None)
    assert _one({"token_ids": [4] * 6}, usage=usage)[3] == 6
    several = [{"index": i, "finish_reason": "stop", "text": "a b c"} for i in range(2)]
    assert _completions(several) == [("a b c", "stop", 2, 1003, None)] * 2


@pytest.mark.parametrize(
    ("choice", "usage", "error"),
    [
        ({"finish_reason": None}, USAGE, "finish_reason null"),
        ({"finish_reason": "content_filter"}, USAGE, "finish_reason 'content_filter'"),
        ({"finish_reason": ["stop"]}, USAGE, "finish_reason of type list"),
        ({"finish_reason": "x" * 10_000}, USAGE, "finish_reason 'xxx"),
        ({"message": {"content": [{"type": "image_url"}]}}, USAGE, "part of type 'image_url'"),
        ({"text": "a \ud800"}, USAGE, r"half of a surrogate pair \('\\ud800' at character 3\); it begins 'a \\ud800'"),
        ({"text": "a\x1b[2J"}, USAGE, r"control character \('\\x1b' at character 2\)"),
        ({"text": "a\0"}, USAGE, r"control character \('\\x00'"),
        ({"text": "x" * (LONGEST_TEXT + 1)}, USAGE, "it has 500,001 characters, and at most 500,000 are kept"),
        ({}, USAGE | {"completion_tokens": "12"}, "its completion_tokens is '12'"),
        ({}, USAGE | {"completion_tokens": 2**31}, "its completion_tokens is 2147483648"),
        ({}, USAGE | {"completion_tokens": 10**400}, "a number of 1,329 bits"),
        ({}, USAGE | {"prompt_tokens": -1}, "its prompt_tokens is -1"),
        ({}, USAGE | {"prompt_tokens": True}, "its prompt_tokens is True"),
        ({}, USAGE | {"prompt_tokens": 1.5}, "its prompt_tokens is 1.5"),
        ({}, "many", "its usage is a str"),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error_with_a_short_printable_reason(
    choice: dict[str, Any], usage: Any, error: str
) -> None:
    text, finish_reason, prompt_tokens, completion_tokens, why = _one(choice, usage=usage)
    assert (text, finish_reason, prompt_tokens, completion_tokens) == (None,) * 4
    assert why.isprintable() and len(why) < 400
    assert re.search(error, why)


def test_only_the_choice_that_cannot_be_used_is_an_error() -> None:
    choices = [{"index": i, "finish_reason": "stop", "text": "a\ud800" if i else "a", "token_ids": [1]} for i in (1, 0)]
    assert [completion[0] for completion in _completions(choices)] == ["a", None]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "JSONDecodeError"),
        (b"\xff\xfe\xff", "Unicode"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"choices": ' + b"9" * 5000 + b"}", "ValueError"),
        (b"[]", "expected a JSON object, got a list"),
        (b"{}", "no list of choices"),
        (b'{"choices": [[]]}', "no list of choices"),
        (b'{"choices": [{"message": "a", "finish_reason": "stop"}]}', "without a text"),
        (b'{"choices": [{"text": null, "finish_reason": "stop"}]}', "without a text"),
        (b'{"choices": [{"text": "a", "finish_reason": "stop", "index": 1}]}', "got 1 choices for 1 prompts"),
        (b'{"choices": [{"text": "a", "finish_reason": "stop", "index": true}]}', "got 1 choices for 1 prompts"),
        (b'{"error": {"message": "CUDA out of memory"}}', "HTTP 200 with an error: CUDA out of memory"),
        (b'{"error": "full", "choices": []}', "HTTP 200 with an error: full"),
        (b'{"object": "error", "message": "full"}', "HTTP 200 with an error: full"),
        (b'{"detail": [1]}', "HTTP 200 with an error: a list"),
    ],
)
def test_what_answers_no_prompt_is_asked_again(content: bytes, why: str) -> None:
    with pytest.raises(MalformedAnswerError, match=why):
        completions_in(REQUESTS[:1], content, _count)


def test_an_engine_that_gave_up_is_asked_again_and_known_as_such() -> None:
    with pytest.raises(AbortedAnswerError, match="finish_reason 'abort'"):
        _one({"finish_reason": "abort", "text": ""})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 1.5 ", 1.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        *(
            (odd, None)
            for odd in ("", "soon", "\xb2", "-5", "1e9", "1, 2", "9" * 400, "Fri, 31 Dec 99999 23:59:59 +9999")
        ),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds
