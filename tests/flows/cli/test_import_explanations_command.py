"""From a release with its explanations to a trained model, without any LLM."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from flows.cli.main import main
from pipeline.checking.check import check_manifest
from pipeline.manifest.manifest import load_manifest
from pipeline.readers import read_pairs
from tests.model.tiny_clip import make_tiny_clip
from tests.support.dataset import write_manifest
from tests.support.news import write_explanations, write_n24news


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


@pytest.mark.slow
def test_import_train_evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_n24news(tmp_path / "release", per_split=8)
    dataset = {"kind": "n24news", "root": "release"}
    changes = {"dataset": dataset, "generation__judge": {"min_entities_share": 0}}
    manifest = write_manifest(tmp_path, Path("nobody/nothing"), **changes)
    images: dict[str, list[str]] = {}
    for pair in read_pairs(load_manifest(manifest)):
        images.setdefault(pair.split, []).append(pair.image)
    files = write_explanations(tmp_path / "release", "n24news", images)
    assert _run(monkeypatch, "import-explanations", manifest, *files, "--model", "Mistral") == 0
    out = capfd.readouterr().out
    assert "captions cleaned: 3 of 24 (3 HTML entities)" in out
    assert "matched: train 8, val 8, test 8\nmissing: none\nsurplus texts: 0" in out

    settings = {
        "towers": {"model": f"local-dir:{make_tiny_clip(tmp_path / 'clip')}"},
        "method": {"image_experts": 1, "shared_experts": 1, "text_experts": 1},
        "data": {"explanations": str(tmp_path / "explanations-imported"), "workers": 0},
        "optim": {"steps": 2, "batch_size": 4},
        "threads": 1,
        "device": "cpu",
    }
    config, run = tmp_path / "train.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(settings))
    assert _run(monkeypatch, "train", config, "--out", run) == 0
    assert _run(monkeypatch, "evaluate", run) == 0
    assert json.loads((run / "metrics.json").read_text())["splits"]["test"]["gallery"] == 8


def test_check_says_what_was_cleaned(tmp_path: Path, tiny_llama: Path) -> None:
    write_n24news(tmp_path / "release")
    manifest = write_manifest(tmp_path, tiny_llama, dataset={"kind": "n24news", "root": "release"})
    report = check_manifest(manifest)
    assert report.reading[1:] == ["captions cleaned: 3 of 12 (3 HTML entities)"]
    assert report.findings == []
