"""`entityclip verify` as a person and a program meet it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from flows.cli.main import main
from pipeline.generation.generate import generate
from pipeline.job import open_job
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows
from tests.support.scripted_engine import ScriptedEngine

TRAIN, TEST = "split=train/part-00000-of-00002.parquet", "split=test/part-00000-of-00002.parquet"


@pytest.fixture
def output(tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_pairs(tmp_path, 20)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    generate(job, make_engine=ScriptedEngine)
    monkeypatch.chdir(tmp_path)
    return Path(job.output)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", "verify", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_whole_damaged_and_repaired_by_hand(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "explanations") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1:4] == [
        "20 rows in 4 shards verified; 2 of 2 buckets finished",
        "every row was compared with its planned pair",
        "state: whole",
    ]
    assert shown[-1].startswith("next: ") and shown[-1].endswith("inspect explanations")
    (output / TRAIN).write_bytes((output / TRAIN).read_bytes()[:-1])
    (output / TEST).unlink()
    assert _run(monkeypatch, "explanations") == 1
    shown = capsys.readouterr().out
    assert f"{TRAIN} cannot be read as Parquet" in shown and f"{TEST} is missing, but a receipt lists it" in shown
    assert shown.splitlines()[-1].endswith("verify explanations --repair")
    assert _run(monkeypatch, "explanations", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], [one["file"] for one in found["damaged"]], found["missing"]) == ("damaged", [TRAIN], [TEST])
    assert _run(monkeypatch, "explanations", "--repair") == 1
    shown = capsys.readouterr().out
    assert f"it was moved to _damaged/{TRAIN}" in shown
    assert shown.splitlines()[-1].endswith("generate MANIFEST --out explanations")


def test_a_manifest_makes_what_is_damaged_again(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = all_rows(output)
    content = bytearray((output / TRAIN).read_bytes())
    content[400] ^= 4
    (output / TRAIN).write_bytes(content)
    shutil.copy(output / TEST, output / "split=test" / "part-00000-of-00009.parquet")
    asked: list[ScriptedEngine] = []
    monkeypatch.setattr(
        "pipeline.generation.generate.engine_for", lambda job: asked.append(ScriptedEngine()) or asked[-1]
    )
    assert _run(monkeypatch, "tiny.yaml", "--repair") == 0
    told = capsys.readouterr()
    assert f"{TRAIN} has the SHA-256" in told.err and "state: whole" in told.out
    assert all_rows(output) == rows and {path.name for path in (output / "_damaged").rglob("part*")} == {
        "part-00000-of-00002.parquet",
        "part-00000-of-00009.parquet",
    }
    assert len(asked) == 1 and asked[0].asked
    assert _run(monkeypatch, "tiny.yaml", "--repair") == 0
    assert _run(monkeypatch, "explanations", "--manifest", "tiny.yaml") == 0


def test_mistakes_are_said(output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for given, words in (
        ("nowhere", "nowhere: no such folder or manifest"),
        ("pairs.jsonl", "is a file; give the folder of explanations, or a manifest (.yaml)"),
        ("images", "images has no explanations"),
    ):
        assert _run(monkeypatch, given) == 2
        assert words in capsys.readouterr().err
