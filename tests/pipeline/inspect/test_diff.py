from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from pipeline.errors import PipelineError
from pipeline.inspect.diff import compare, word_diff
from pipeline.inspect.rows import Rows
from pipeline.inspect.summary import summarise
from tests.support.explanations import WORDS, some_rows, write_explanations

_TEXTS = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)


@given(_TEXTS, _TEXTS)
def test_the_pieces_are_both_texts(one: str, other: str) -> None:
    pieces = word_diff(one, other)
    assert " ".join(words for sign, words in pieces if sign in "=-") == one
    assert " ".join(words for sign, words in pieces if sign in "=+") == other
    assert (one != other) == any(sign != "=" for sign, _ in pieces)


def test_two_generations_against_every_pair_compared(tmp_path: Path) -> None:
    one = some_rows(120)
    other = []
    for number, row in enumerate(one[:110]):
        if number % 7 == 0:
            row = replace(row, status="truncated", explanation="cut short", finish_reason="length")
        elif number % 7 == 1 and row.explanation is not None:
            row = replace(row, explanation=f"{row.explanation} again")
        elif number % 7 == 2:
            row = replace(row, caption=f"{row.caption}!")
        other.append(row)
    extra = [replace(row, id=f"new-{row.id}") for row in one[:4]]
    write_explanations(tmp_path / "one", one)
    write_explanations(tmp_path / "two", other + extra, buckets=2, model="b/model", sampling={"temperature": 0.5})
    here, there = summarise(tmp_path / "one"), summarise(tmp_path / "two")
    assert here is not None and there is not None
    with Rows(here, there) as rows:
        found = compare(rows, here, there, sample=1000)
        only_val = compare(rows, here, there, where="split = 'val'", sample=2)

    pairs = list(zip(one, other, strict=False))
    assert (found.both, found.only_here, found.only_there) == (110, 10, 4)
    assert found.explanations == sum(a.explanation != b.explanation for a, b in pairs)
    assert found.captions == sum(a.caption != b.caption for a, b in pairs)
    changes = Counter((a.status, b.status) for a, b in pairs if a.status != b.status)
    assert {(a, b): n for a, b, n in found.changes} == changes and found.statuses == changes.total()
    assert found.made["model"] == ("a/model", "b/model")
    assert found.made["sampling.temperature"] == (0.0, 0.5) and "prompt.name" not in found.made
    by_id = {row.id: row for row in one}
    changed = {a.id for a, b in pairs if (a.explanation, a.status) != (b.explanation, b.status)}
    assert {sample.one["id"] for sample in found.samples} == changed
    for sample in found.samples:
        assert sample.one["explanation"] == by_id[sample.one["id"]].explanation
        assert sample.words == word_diff(sample.one["explanation"] or "", sample.other["explanation"] or "")

    assert only_val.both == sum(a.split == "val" for a, _ in pairs) and only_val.only_there == 0
    assert {sample.one["split"] for sample in only_val.samples} == {"val"} and len(only_val.samples) == 2


def test_what_has_no_pair_in_common_is_refused(tmp_path: Path) -> None:
    write_explanations(tmp_path / "one", some_rows(8))
    write_explanations(tmp_path / "two", [replace(row, id=f"x{row.id}") for row in some_rows(8)])
    here, there = summarise(tmp_path / "one"), summarise(tmp_path / "two")
    assert here is not None and there is not None
    with (
        Rows(here, there) as rows,
        pytest.raises(PipelineError, match="no pair in common; pairs are matched by split and id"),
    ):
        compare(rows, here, there)
