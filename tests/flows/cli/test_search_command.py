"""From a run to an index to what a person finds in it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from flows.cli.main import main
from flows.display.next_steps import command_line
from model.settings.schema import TowerSettings, TrainSettings
from model.training.loop import train
from tests.model.conftest import clip_folder, dataset, settings  # noqa: F401 - fixtures

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "200")
    try:
        main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def test_index_and_search(
    settings: TrainSettings,  # noqa: F811
    dataset: tuple[Path, Path],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(settings, tmp_path / "run")
    index = tmp_path / "index"
    assert _run(monkeypatch, "index", tmp_path / "run", index, "--split", "test", "--split", "val") == 0
    assert "27 images in" in capsys.readouterr().out
    image = dataset[1] / "val" / "7.png"
    command = ["search", index, "lord of name3", "lord of name4", "--image", image, "--top", 2]
    assert _run(monkeypatch, *command) == 0
    out = capsys.readouterr().out
    assert all(words in out for words in ("lord of name3", "lord of name4", str(image), "cosine"))
    assert out.splitlines()[-1] == f"next: {command_line('serve', dataset[0], '--arm', f'index={index}')}"
    assert _run(monkeypatch, *command, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["query"] for one in found] == ["lord of name3", "lord of name4", str(image)]
    assert all(len(one["found"]) == 2 for one in found)
    first = found[2]["found"][0]  # an image finds itself
    assert first["image"] == str(image) and first["score"] == pytest.approx(1.0, abs=1e-5)

    both = ("lord of name3", "--explanation", "name3 a red star", "--by", "both", "--json")
    assert _run(monkeypatch, "search", index, *both) == 2
    assert "has no images to search by both; build it with `index --explained`" in capsys.readouterr().err
    assert _run(monkeypatch, "index", tmp_path / "run", index, "--explained") == 0
    assert "15 images in" in (said := capsys.readouterr().out) and "; to search by towers, both" in said
    assert _run(monkeypatch, "search", index, *both) == 0
    said = capsys.readouterr()
    assert "1 of 1 queries with an explanation, of weight 1 (not tuned)" in said.err
    assert len(json.loads(said.out)[0]["found"]) == 10
    assert _run(monkeypatch, "search", index, "x", "--by", "both") == 2
    assert "--by both is for texts with explanations" in capsys.readouterr().err

    assert _run(monkeypatch, "search", index) == 2
    assert "no query given; pass" in capsys.readouterr().err
    assert _run(monkeypatch, "search", tmp_path / "none", "x") == 2
    assert "no index at" in capsys.readouterr().err


@pytest.mark.slow
def test_an_export_serves_explanations_without_the_model_that_training_started_from(
    settings: TrainSettings,  # noqa: F811
    clip_folder: Path,  # noqa: F811
    dataset: tuple[Path, Path],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = shutil.copytree(clip_folder, tmp_path / "clip")
    train(settings.model_copy(update={"towers": TowerSettings(model=f"local-dir:{own}")}), tmp_path / "run")
    out = tmp_path / "out"
    assert _run(monkeypatch, "export", tmp_path / "run", out) == 0
    assert f"reader of explanations: {(out / 'reader').as_uri()}" in capsys.readouterr().out
    assert _run(monkeypatch, "export", tmp_path / "run", tmp_path / "small", "--no-reader") == 0
    said = capsys.readouterr()
    assert "reader" not in said.out and "no reader" not in said.err and not (tmp_path / "small" / "reader").exists()
    shutil.rmtree(own)
    assert _run(monkeypatch, "export", tmp_path / "run", tmp_path / "late") == 0
    assert "the export has no reader of explanations: the towers that" in capsys.readouterr().err

    for name in ("out", "small"):
        index = tmp_path / f"index-of-{name}"
        assert _run(monkeypatch, "index", tmp_path / name, index, "--explanations", dataset[0]) == 0
        shutil.move(tmp_path / name, tmp_path / f"{name}-moved")
    query = ("lord of name3", "--explanation", "name3 a red star", "--json")
    moved = ("--model", tmp_path / "out-moved")
    capsys.readouterr()
    assert _run(monkeypatch, "search", tmp_path / "index-of-out", *query, *moved) == 0
    said = capsys.readouterr()
    assert "1 of 1 queries with an explanation, of weight 1 (not tuned)" in said.err
    assert json.loads(said.out)[0]["explanation"] == "name3 a red star"
    assert _run(monkeypatch, "search", tmp_path / "index-of-small", *query, "--model", tmp_path / "small-moved") == 2
    assert "was exported without the towers that its model started from" in capsys.readouterr().err
