"""What becomes of each answer that a server may give."""

import json
from typing import Any

import pytest

from pipeline.engines.base import Request
from pipeline.engines.vllm.answers import completions_in

REQUESTS = [Request(str(i), [{"role": "user", "content": "x"}], [1, 2], i, 8) for i in range(2)]


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
    ],
)
def test_a_thinking_that_the_server_splits_off_is_kept_in_the_raw_text(
    message: dict[str, Any], finish_reason: str, text: str
) -> None:
    choice = {"index": 0, "finish_reason": finish_reason, "message": message}
    content = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 2, "completion_tokens": 3}})
    assert completions_in(REQUESTS[:1], content.encode(), len)[0].text == text
