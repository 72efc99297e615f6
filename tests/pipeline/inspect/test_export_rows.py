"""Rows as files: what another program reads is what the shards hold."""

import csv
import json
import resource
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import PipelineError
from pipeline.inspect.export_rows import Format, export_rows
from pipeline.inspect.rows import Rows
from pipeline.inspect.summary import summarise
from pipeline.shards.shard import Row
from tests.support.explanations import some_rows, write_explanations

_FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1", "=cmd|' /C calc'!A0", "- a dash, too"]
_PLAIN = ["plain", "a=1", "'quoted", ' "=1"', "1", ""]


def _export(folder: Path, rows: list[Row], form: Format, where: str | None = None) -> Path:
    write_explanations(folder / "out", rows)
    found = summarise(folder / "out")
    assert found is not None
    path = folder / f"rows.{form}"
    with Rows(found) as reader:
        assert export_rows(reader, reader.pick(where), path, form) == len(rows) or where is not None
    return path


def _flat(rows: list[Row]) -> dict[str, dict[str, object]]:
    return {row.id: asdict(row) for row in rows}


def test_parquet_and_json_lines_are_exact(tmp_path: Path) -> None:
    rows = some_rows(150)
    table = pq.read_table(_export(tmp_path, rows, "parquet"))
    found = {row["id"]: {**row, "image": row["image"]["path"]} for row in table.to_pylist()}
    assert found == _flat(rows) and b"huggingface" in table.schema.metadata
    lines = _export(tmp_path, rows, "jsonl").read_text(encoding="utf-8").split("\n")
    assert {row["id"]: row for row in map(json.loads, lines[:-1])} == _flat(rows)


def test_only_the_rows_that_meet_a_condition(tmp_path: Path) -> None:
    rows = some_rows(100)
    lines = _export(tmp_path, rows, "jsonl", "status = 'truncated'").read_text(encoding="utf-8").split("\n")
    assert {json.loads(line)["id"] for line in lines[:-1]} == {row.id for row in rows if row.status == "truncated"}


def test_csv_is_safe_for_spreadsheets(tmp_path: Path) -> None:
    rows = some_rows(len(_FORMULAS) + len(_PLAIN))
    rows = [replace(row, caption=text, status="ok") for row, text in zip(rows, _FORMULAS + _PLAIN, strict=True)]
    rows += [replace(row, id=f"hostile-{row.id}") for row in some_rows(100)]
    path = _export(tmp_path, rows, "csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    assert len(found) == len(rows)
    for row in rows:
        for name, value in asdict(row).items():
            cell = found[row.id][name]
            assert cell == ("" if value is None else str(value)) or cell == f"'{value}"
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    for row, text in zip(rows, _FORMULAS + _PLAIN, strict=False):
        assert found[row.id]["caption"] == (f"'{text}" if text in _FORMULAS else text)


def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    there = tmp_path / "rows.jsonl"
    there.write_text("mine", encoding="utf-8")
    with pytest.raises(PipelineError, match="already exists"):
        _export(tmp_path, some_rows(10), "jsonl")
    assert there.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_that_fails_leaves_nothing(tmp_path: Path, form: Format) -> None:
    write_explanations(tmp_path / "out", some_rows(500))
    found = summarise(tmp_path / "out")
    assert found is not None
    before = sorted(tmp_path.rglob("*"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Rows(found) as reader:
        picked = reader.pick()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # as a disk that is full
        try:
            with pytest.raises(OSError, match="File too large"):
                export_rows(reader, picked, tmp_path / "rows", form)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(tmp_path.rglob("*")) == before
