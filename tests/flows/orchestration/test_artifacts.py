"""What is shown of other people's texts, and what the tables say."""

import re

import pytest
from hypothesis import given, strategies as st

from flows.orchestration.artifacts import plain, sample_of
from flows.orchestration.states import summary_line
from pipeline.generation.summary import GenerationSummary
from pipeline.shards.shard import Row

HOSTILE = [
    "<script>alert(1)</script>",
    "![x](https://evil.example/track.png)",
    "a | b\n| c | d |",
    "[click](javascript:alert(1)) `code` **bold** https://evil.example",
    "&lt;b&gt; \\| \\<i>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_is(text: str) -> None:
    shown = plain(text)
    assert not re.search(r"(?<!\\)[|`*_\[\]()!<>:/]", shown)
    assert "\n" not in shown
    assert _rendered(shown) == " ".join(text.split())


@given(st.text(max_size=400))
def test_every_text_survives_escaping(text: str) -> None:
    assert _rendered(plain(text)) == " ".join(text.split())


def test_the_sample_is_a_table_of_five_columns_whatever_is_in_it() -> None:
    rows = [_row(text) for text in [*HOSTILE, "x" * 5000]]
    lines = sample_of(rows).splitlines()
    assert len(lines) == 2 + len(rows)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 6 for line in lines)
    assert max(map(len, lines)) < 2000


def test_the_account_names_every_status_the_most_frequent_first() -> None:
    counts = {"train": {"ok": 2000, "error": 1}, "test": {"ok": 790, "error": 2}}
    summary = GenerationSummary("d", "o", "m", "r", None, counts, 2793, 5, 0, 0, 0, 1.0)
    assert summary_line(summary) == "2,790 ok, 3 error; generated 2,793, reused 5"


def _rendered(markdown: str) -> str:
    """What CommonMark makes of backslash escapes and these three entities, in one pass."""
    entities = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
    return re.sub(r"\\([!-/:-@\[-`{-~])|&amp;|&lt;|&gt;", lambda m: m[1] or entities[m[0]], markdown)


def _row(text: str) -> Row:
    return Row(text, "train", text, text, None, "ok", "k", 0, "m", "r", text, text, None, "stop", 1, 1, 1)
