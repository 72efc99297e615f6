"""What is shown of other people's texts, and what the tables say."""

import re
from base64 import b64decode
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from flows.orchestration.artifacts import _sampled, plain, sample_of
from flows.orchestration.states import summary_line
from pipeline.generation.generate import generate
from pipeline.generation.summary import GenerationSummary
from pipeline.job import open_job
from pipeline.shards.shard import Row
from tests.support.dataset import write_manifest, write_pairs

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


def test_the_sample_is_a_table_of_six_columns_whatever_is_in_it(tmp_path: Path) -> None:
    Image.effect_noise((900, 700), 80).save(tmp_path / "noise.png")
    rows = [_row(text) for text in [*HOSTILE, "x" * 5000]] + [replace(_row("a"), image="noise.png")]
    lines = sample_of(rows, tmp_path).splitlines()
    assert len(lines) == 2 + len(rows)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 7 for line in lines)
    assert max(map(len, lines[:-1])) < 2000 and len(lines[-1]) < 20_000
    (picture,) = re.findall(r"!\[noise\\\.png\]\(data:image/jpeg;base64,([^)]+)\)", lines[-1])
    assert Image.open(BytesIO(b64decode(picture))).size == (96, 75)


def test_the_sample_has_rows_of_every_split(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 24)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    generate(job)
    splits = Counter(row.split for row in _sampled(job))
    assert splits == {"train": 4, "test": 4}


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
