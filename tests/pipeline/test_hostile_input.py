"""Hostile manifests and data, by the thousand: a slow run of 20,000 cases, and a short one."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.job import open_job
from tests.fuzz.cases import write_surroundings
from tests.fuzz.mutations import VALUES
from tests.support.dataset import write_manifest
from tests.support.fuzz_process import fuzz
from tests.support.generation import all_rows, generate
from tests.support.own_data import pairs_of, put, put_parquet
from tests.support.scripted_engine import ScriptedEngine

ROOT = Path(__file__).parents[2]
MOST_MIB = 700


def _fuzz(folder: Path, cases: int, seed: int) -> dict[str, Any]:
    return fuzz("tests.fuzz.run", folder, cases, seed, most_mib=MOST_MIB)


def test_some_hostile_input(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    outcomes = _fuzz(tmp_path, 600, seed=1)["outcomes"]
    assert sum(found.get("pairs", 0) for found in outcomes.values()) > 60  # not all of it is refused at the door
    assert sum(found.get("PipelineError", 0) for found in outcomes.values()) > 60


@pytest.mark.slow
def test_twenty_thousand_cases_of_hostile_input(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    found = _fuzz(tmp_path, 20_000, seed=0)
    print(f"{found['cases']:,} cases of hostile input, {found['mib']} MiB:\n{json.dumps(found['outcomes'], indent=1)}")
    assert all(sum(of_kind.values()) >= 200 for of_kind in found["outcomes"].values())


def test_hostile_rows_go_through_a_whole_run(tmp_path: Path, tiny_llama: Path) -> None:
    write_surroundings(tmp_path / "data")
    texts = [value for value in VALUES if isinstance(value, str)]
    records = [{"image": "0.png", "caption": value, "topic": value[:50]} for value in texts]
    records += [{"image": value, "caption": f"ba {number}"} for number, value in enumerate(texts)]
    records.append({"image": "0.png", "caption": "ba " * 50_000})
    put(tmp_path / "p.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    dataset = {"kind": "jsonl", "file": "p.jsonl", "root": "data/images"}
    job = open_job(write_manifest(tmp_path, tiny_llama, dataset=dataset))
    generate(job, ScriptedEngine())
    rows = all_rows(job.output)
    assert len(rows) == len(records)
    statuses = Counter(row.status for row in rows.values())
    assert {Status.EMPTY_CAPTION, Status.TOO_LONG, Status.BAD_IMAGE, Status.OK} <= set(statuses)
    assert statuses[Status.BAD_IMAGE] > 20
    generate(job, none := ScriptedEngine())
    assert none.asked == []  # and a re-run finds all of it done


_CELL = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.integers(),
    st.floats(),
    st.lists(st.one_of(st.none(), st.text(max_size=5), st.integers()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)
_RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["id", "image", "caption", "split", "topic"]), _CELL), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(records=_RECORDS)
def test_any_values_become_pairs_or_an_error(records: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    put(folder / "p.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    try:
        pairs, _ = pairs_of(folder, {"kind": "jsonl", "file": "p.jsonl"})
    except PipelineError as error:
        assert "p.jsonl" in str(error)
        return
    for pair in pairs:
        assert pair.id
        assert pair.caption == " ".join(pair.caption.split())


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), kind=st.sampled_from(["csv", "tsv", "jsonl", "parquet", "webdataset"]))
def test_any_bytes_become_pairs_or_an_error(
    content: bytes, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    put(folder / "x", content)
    try:
        pairs_of(folder, {"kind": kind, "file": "x"})
    except PipelineError as error:
        assert "x" in str(error)


def test_parquet_that_repeats_large_values_takes_little_memory(tmp_path: Path) -> None:
    """2 KB that say: 20 rows, each with 22 MB."""
    rows = {"image": [b"x" * (20 * 2**20)] * 20, "text": ["y" * (2 * 2**20)] * 20}
    file = put_parquet(tmp_path / "train.parquet", rows, row_group_size=20)
    assert file.stat().st_size < 20_000
    program = (
        "from pathlib import Path; from tests.support.own_data import pairs_of\n"
        "from tests.support.peak_memory import forget_peak, peak_mib\n"
        "before = forget_peak()\n"
        f"pairs, notes = pairs_of(Path({str(tmp_path)!r}), {{'kind': 'parquet', 'file': 'train.parquet'}})\n"
        "print(len(pairs), round(peak_mib() - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    count, mib = map(int, done.stdout.split())
    assert count == 20
    assert 0 < mib < 250  # all of it would be 440 MB
