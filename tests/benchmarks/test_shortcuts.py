"""The benchmark trains, probes and draws; what the probes find is tested in tests/model/method/test_probes.py."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import shortcuts
from tests.benchmarks.commands import command_of
from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip


@pytest.mark.slow
def test_states_are_probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explanations, _ = write_dataset(tmp_path / "data", {"train": 12, "val": 8})
    clip = make_tiny_clip(tmp_path / "clip")
    monkeypatch.setattr(shortcuts, "_EVERY", 2)
    changed = [f"towers.model=local-dir:{clip}", f"data.explanations={explanations}", "optim.steps=4"]
    changed += ["optim.batch_size=6", "evaluation.every=4"]
    options = [text for change in changed for text in ("--set", change)]
    arguments = ["--out", str(tmp_path / "out"), "--picture", str(tmp_path / "p.png"), "--batch-size", "4", *options]
    result = CliRunner().invoke(command_of(shortcuts.main), arguments, catch_exceptions=False)
    assert result.exit_code == 0 and "taken from the captions' side" in result.stdout
    probes = json.loads((tmp_path / "out" / "probes.json").read_text())["probes"]
    assert set(probes) == {"2", "4"}
    for one in probes.values():
        assert len(one["mmae"]) == 4 and set(one["gradient"]) == {"vtc", "mmae", "itm"} and len(one["accuracy"]) == 4
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
