"""What a run is, is said in the same words by every command: real runs of every preset and ablation arm."""

import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from benchmarks.ablation.arms import TUNED
from flows.cli.main import main
from model.launch.train import train_in_processes
from model.settings.load import load_settings
from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip
from tests.support.site import served

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn_curves")]

# Run folder: preset, overrides, and the name of what is trained, written by hand.
_NAMES = {
    "plain CLIP": "plain CLIP",
    "MMAE only": "MMAE only",
    "GI-ITM only": "GI-ITM only",
    "EntityCLIP": "EntityCLIP",
    "bridge only": "CLIP with bridge",
    "EntityCLIP + bridge": "EntityCLIP with bridge",
    "anchors only": "CLIP with anchors",
}
_RUNS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "preset-paper": ("paper", (), "EntityCLIP"),
    "preset-paper-goodnews": ("paper-goodnews", (), "EntityCLIP"),
    "preset-default": ("default", (), "CLIP with anchors"),
    **{arm.slug: ("default", arm.method, _NAMES[arm.name]) for arm in TUNED},
    "control": (
        "default",
        ("data.wrong_explanations=true",),
        "CLIP with anchors, others' explanations",
    ),
}
_TINY = {
    "method": {"image_experts": 1, "shared_experts": 1, "text_experts": 1},
    "optim": {"steps": 1, "epochs": None, "batch_size": 4},
    "threads": 1,
    "device": "cpu",
}
Command = Callable[..., str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an evaluated run of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    explanations, _ = write_dataset(folder / "data", {"train": 8, "val": 4, "test": 6})
    clip = make_tiny_clip(folder / "data" / "clip")
    out = folder / "data"  # beside the explanations, where `serve` finds them
    for name, (preset, overrides, _) in _RUNS.items():
        data = {"explanations": str(explanations)}
        file = folder / f"{name}.yaml"
        towers = {"model": f"local-dir:{clip}", "pretrained": None}
        file.write_text(yaml.safe_dump({**_TINY, "preset": preset, "towers": towers, "data": data}))
        train_in_processes(load_settings(file, list(overrides)), out / name, 1)
    return out


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """What a command prints."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["entityclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        assert not exit_.value.code, printed.err
        return printed.out

    return run


def test_all_commands_agree_and_no_order_changes_a_verdict(runs: Path, command: Command, tmp_path: Path) -> None:
    for name, (_, _, kind) in _RUNS.items():
        command("evaluate", runs / name)
        assert json.loads(command("inspect", runs / name, "--json"))["method"] == kind
        shown = " ".join(command("inspect", runs / name).split())  # long lines are wrapped
        assert re.search(rf" method {re.escape(kind)}( \(| towers )", shown), shown
        command("export", runs / name, tmp_path / name)
        card = (tmp_path / name / "README.md").read_text(encoding="utf-8")
        assert kind.split(",")[0] in card

    plain = runs / "plain-clip"
    for ours in ("entityclip", "preset-default", "control"):
        others = [runs / name for name in _RUNS if name not in ("plain-clip", ours)]
        random.Random(0).shuffle(others)
        chosen = [plain, *others[:2]]
        verdicts = set()
        for order in (chosen, chosen[::-1], [others[0], plain, others[1]]):
            page = tmp_path / "page.html"
            verdict = command("report", *order, runs / ours, "--out", page).splitlines()[0]
            assert verdict.split("(")[0] in page.read_text(encoding="utf-8").replace("&#39;", "'")
            verdicts.add(verdict)
        assert len(verdicts) == 1, verdicts
        assert "plain-clip" in verdicts.pop()
    first = command("report", runs).splitlines()[0]
    assert command("report", runs).splitlines()[0] == first
    with served(runs) as site:
        shown = httpx.get(f"{site.address}retrieval?q=lord", timeout=300).text
    labels: dict[str, Any] = dict(
        re.findall(r'<h2 id="arm-\d+">([^<]+)</h2>\s*<p class="labels"><span>([^<]+)</span>', shown)
    )
    assert {name: label.replace("&#39;", "'") for name, label in labels.items()} == {
        name: kind for name, (_, _, kind) in _RUNS.items()
    }
