"""`entityclip train` and `evaluate` as a person meets them: what was used, what is missing, what to do."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from flows.cli.main import main
from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


@pytest.mark.slow
def test_missing_then_half_made_then_used_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = make_tiny_clip(tmp_path / "clip")
    settings = {
        "towers": {"model": f"local-dir:{clip}"},
        "method": {"image_experts": 1, "shared_experts": 1, "text_experts": 1},
        "data": {"explanations": str(tmp_path / "explanations")},
        "optim": {"steps": 2, "batch_size": 4},
        "threads": 1,
        "device": "cpu",
    }
    config, run = tmp_path / "train.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(settings))
    assert _run(monkeypatch, "train", config, "--out", run) == 2
    said = capfd.readouterr().err
    assert f"no explanations at {tmp_path / 'explanations'}; generate them with: entityclip generate" in said

    explanations, _ = write_dataset(tmp_path, {"train": 8, "val": 4, "test": 4})
    (explanations / "_receipts" / "bucket-00000.json").unlink()
    assert _run(monkeypatch, "train", config, "--out", run) == 2
    said = capfd.readouterr().err
    assert "1 of 2 buckets are finished" in said and "dataset 'toy'" in said and "Traceback" not in said
    assert _run(monkeypatch, "train", config, "--out", run, "--allow-partial") == 0
    assert "PARTIAL: the explanations of split train" in capfd.readouterr().err
    assert json.loads((run / "train.json").read_text())["allow_partial"] is True

    shutil.rmtree(clip)
    assert _run(monkeypatch, "evaluate", run) == 0  # the run's own setting holds for its own data
    assert "PARTIAL: the explanations of split test" in capfd.readouterr().err
    assert _run(monkeypatch, "evaluate", run, "--explanations", explanations) == 2
    assert _run(monkeypatch, "evaluate", run, "--explanations", explanations, "--allow-partial") == 0
