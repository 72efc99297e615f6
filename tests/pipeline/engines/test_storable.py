"""What can be stored, against what stores it: JSON in a spool, Arrow in a shard."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from pipeline.engines.base import Completion
from pipeline.engines.storable import LONGEST_ERROR, storable
from pipeline.generation.spool import Spool, read_spool

_COUNT: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(), st.integers(2**31 - 3, 2**31 + 3), st.text(max_size=3), st.booleans(), st.floats()
)
_TEXT: st.SearchStrategy[Any] = st.one_of(
    st.text(st.characters(categories=["L", "Z", "Cc", "Cs", "Cf"]), max_size=20), st.none(), st.integers()
)


@settings(max_examples=300, deadline=None)
@given(text=_TEXT, finish_reason=st.sampled_from(["stop", "length", None, "\ud800", 1, []]), used=_COUNT, made=_COUNT)
def test_what_passes_fits_into_spool_and_shard(text: Any, finish_reason: Any, used: Any, made: Any) -> None:
    completion = Completion("k", text, finish_reason, used, made)
    checked = storable(completion)
    assert storable(checked) is checked
    if checked.error is not None:
        assert checked == Completion("k", error=checked.error)
        assert checked.error.isprintable() and 0 < len(checked.error) <= LONGEST_ERROR
        return
    assert checked is completion
    pa.array([text, finish_reason], pa.string()).validate(full=True)
    assert pa.array([used, made], pa.int32()).to_pylist() == [used, made]
    assert json.loads(json.dumps(text)) == text


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\f", "\x85", "\x92", "\u200d", "\ufeff", "\U0001f469"])
def test_white_space_and_what_cleaning_removes_is_no_reason_to_lose_an_answer(character: str) -> None:
    completion = Completion("k", f"a{character}b", "stop", 1, 2)
    assert storable(completion) is completion


def test_an_error_is_cut_and_escaped() -> None:
    error = storable(Completion("k", error="\x1b[2J\ud800" + "x" * 5000)).error
    assert error is not None and error.startswith("\\x1b[2J\\ud800xxx") and len(error) == LONGEST_ERROR


def test_a_spool_of_an_older_version_may_hold_any_answer(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool", {"engine": "vllm"}) as spool:
        spool.append(Completion("good", "a", "stop", 1, 2))
        spool.append(Completion("bad", "a\ud800", "stop", 1, 2))
        spool.append(Completion("worse", "a", "stop", "1", 2**40))  # type: ignore[arg-type]
    (session,) = read_spool(tmp_path / "spool")
    good, bad = session.completions  # counts of another type are damage: that answer is requested again
    assert good.text == "a" and bad.text is None
    assert "surrogate" in str(bad.error)
