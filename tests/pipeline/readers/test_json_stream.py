import json
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from pipeline.errors import PipelineError
from pipeline.readers import json_stream
from pipeline.readers.json_stream import array_items, object_items

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_reads_what_json_reads_wherever_the_window_ends(
    values: list[Any], indent: int | None, ascii_only: bool, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        _read_both(values, indent, ascii_only)


def _read_both(values: list[Any], indent: int | None, ascii_only: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_bytes(json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        assert list(array_items(path)) == json.loads(text)
        named = {str(place): value for place, value in enumerate(values)}
        path.write_text(json.dumps(named, indent=indent), encoding="utf-8")
        assert dict(object_items(path)) == named


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file ends before a list"),
        ("{}", "expected a list, found '{'"),
        ('[{"a": 1}, {"a": ', "the file ends before the value does"),
        ('[{"a": 1}, {"a": 2}', "the file ends before a comma"),
        ("[1 2]", "expected a comma or the end of the list, found '2'"),
        ("[1] x", "expected the end of the file, found 'x'"),
        ('["' + "x" * 100, "Unterminated string"),
        ("[" * 100_000, "recursion"),
        ("[1, nul]", "expected a value, found 'n'"),
    ],
)
def test_what_is_no_list_is_a_message_with_its_place(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError, match=r"x\.json, at character") as raised:
        list(array_items(path))
    assert problem in str(raised.value)


def test_a_name_is_text_and_broken_bytes_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{1: 2}", encoding="utf-8")
    with pytest.raises(PipelineError, match="expected a name, found int"):
        list(object_items(path))
    path.write_bytes(b'\xef\xbb\xbf ["caf\xe9"]')
    assert list(array_items(path)) == ["caf\udce9"]


def test_memory_is_that_of_a_record_not_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    record = json.dumps({"caption": "x" * 1000})
    with path.open("w", encoding="utf-8") as file:
        file.write("[" + ",\n".join([record] * 40_000) + "]")
    assert path.stat().st_size > 40e6
    tracemalloc.start()
    assert sum(1 for _ in array_items(path)) == 40_000
    assert tracemalloc.get_traced_memory()[1] < 12e6
    tracemalloc.stop()


def test_a_broken_file_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "LONGEST_RECORD", 2**20)
    path = tmp_path / "x.json"
    path.write_text('[{"a": ?' + " " * 40_000_000, encoding="utf-8")
    tracemalloc.start()
    with pytest.raises(PipelineError, match="longer than 1,048,576 characters"):
        list(array_items(path))
    assert tracemalloc.get_traced_memory()[1] < 16e6
    tracemalloc.stop()
