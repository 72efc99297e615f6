"""From a run to an index to what a person finds in it."""

import json
import sys
from pathlib import Path

import pytest

from flows.cli.main import main
from flows.display.next_steps import command_line
from model.settings.schema import TrainSettings
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

    assert _run(monkeypatch, "search", index) == 2
    assert "no query given; pass" in capsys.readouterr().err
    assert _run(monkeypatch, "search", tmp_path / "none", "x") == 2
    assert "no index at" in capsys.readouterr().err
