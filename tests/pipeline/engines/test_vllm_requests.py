"""Requests and answers without a network: nothing is lost, repeated or swapped, whatever a server says."""

import json
from email.utils import formatdate
from time import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.protocol import Completion, Request
from pipeline.engines.vllm_requests import MalformedAnswerError, batches, body_of, completions_in, retry_after
from pipeline.manifest import Sampling

ASKED = st.builds(
    lambda ids, budget, image: (ids, budget, image),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.sampled_from([8, 16]),
    st.sampled_from([None, None, "file:///a.png"]),
)


@given(asked=st.lists(ASKED, max_size=40), size=st.integers(1, 9))
def test_batches_hold_each_request_once_and_only_what_may_travel_together(
    asked: list[tuple[list[int], int, str | None]], size: int
) -> None:
    requests = [Request(f"k{i}", [], ids, i, budget, image) for i, (ids, budget, image) in enumerate(asked)]
    cut = list(batches(requests, size))
    assert sorted(r.key for batch in cut for r in batch) == sorted(r.key for r in requests)
    assert all(1 <= len(batch) <= size for batch in cut)
    assert all(len({r.max_tokens for r in batch}) == 1 for batch in cut)
    assert all(len(batch) == 1 for batch in cut if batch[0].image_url)
    texts = [r for batch in cut for r in batch if r.image_url is None]
    assert texts == sorted(texts, key=lambda r: (r.max_tokens, r.prompt_token_ids))


JSON = st.recursive(
    st.none() | st.integers(-1, 2) | st.text(max_size=3) | st.sampled_from(["stop", "length"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "index", "text", "message", "finish_reason", "usage", "token_ids", "prompt_token_ids"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(answer=JSON, torn=st.integers(0, 50))
def test_any_other_answer_is_malformed_and_never_a_crash(answer: Any, torn: int) -> None:
    batch = [Request(f"k{i}", [], [1, i], i, 8) for i in range(2)]
    content = json.dumps(answer).encode()
    for body in (content, content[:torn], b"\xff" + content):
        with pytest.raises(MalformedAnswerError):
            completions_in(batch, body)


def test_choices_are_matched_by_index_and_counted_one_by_one() -> None:
    batch = [Request(f"k{i}", [], [1, i], i, 8) for i in range(2)]
    choices = [
        {"index": i, "text": f"t{i}", "finish_reason": end, "token_ids": [5] * (i + 1), "prompt_token_ids": [1, i]}
        for i, end in enumerate(("stop", "length"))
    ]
    answer = {"choices": choices[::-1], "usage": {"prompt_tokens": 4, "completion_tokens": 3}}
    assert completions_in(batch, json.dumps(answer).encode()) == [
        Completion("k0", "t0", "stop", 2, 1),
        Completion("k1", "t1", "length", 2, 2),
    ]
    assert body_of(batch, "m", Sampling(max_tokens=8))[1]["return_token_ids"] is True


def test_both_forms_of_retry_after() -> None:
    assert [retry_after(text) for text in ("3", "0", None, "soon")] == [3, 0, None, None]
    in_a_minute = retry_after(formatdate(time() + 60, usegmt=True))
    assert in_a_minute is not None and 40 < in_a_minute <= 61
    assert retry_after(formatdate(0, usegmt=True)) == 0
