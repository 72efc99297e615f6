"""The whole job on a small cut of the demo world: real models, real flows, a real report."""

import json
import re
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from flows.arms import ARMS
from flows.cli.main import main
from flows.demo import CONFIG, MANIFEST, run_demo
from flows.run_all import run_entityclip
from flows.stages import PLAIN
from tests.support.site import served


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Manifest, training settings and run folder: 8 houses, 8 steps."""
    folder = tmp_path_factory.mktemp("demo")
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    manifest["dataset"] = {
        "kind": "heraldry",
        "root": str(folder / "world"),
        "world": {"main_houses": 6, "rare_houses": 2, "test_per_house": 2, "val_per_house": 1},
    }
    manifest["generation"]["model"] = str(MANIFEST.parent / "heraldry" / "llama")
    manifest["generation"]["judge"]["clip_tokenizer"] = str(CONFIG.parent / "clip")
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["towers"]["model"] = f"local-dir:{CONFIG.parent / 'clip'}"
    config["optim"] |= {"steps": 8, "batch_size": 8}
    config["evaluation"]["every"] = 4
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    (folder / "train.yaml").write_text(yaml.safe_dump(config))
    return folder / "manifest.yaml", folder / "train.yaml", folder / "run"


@pytest.mark.slow  # `.ci/run` also runs the demo itself
def test_demo_end_to_end_and_again(
    small: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, config, out = small
    report = run_demo(PLAIN, out=out, manifest=manifest, config=config)
    printed = capsys.readouterr().out
    assert "generated" in printed and "already trained" not in printed
    assert report.verdict.split()[0] in ("No", "anchors")
    for arm in ARMS:
        metrics = json.loads((out / arm / "metrics.json").read_text())["splits"]["test"]
        assert metrics["gallery"] == 16
        for way in ("image_to_text", "text_to_image"):
            assert set(metrics[way]) == {"R@1", "R@5", "R@10", "R@50", "R@100", "MedR", "MeanR", "MRR"}
    records = {arm: json.loads((out / arm / "train.json").read_text()) for arm in ARMS}
    assert {record["steps"] for record in records.values()} == {8}
    assert len({record["data"]["train"]["rows"] for record in records.values()}) == 1
    assert (out / "anchors" / "anchors.safetensors").is_file() and not (out / "plain" / "anchors.safetensors").exists()
    assert records["plain"]["parameters"]["training_only"] == 0 < records["entityclip"]["parameters"]["training_only"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert report.verdict.split("(")[0] in page
    assert page.count('<li class="card"') == 64 and '<article class="query">' in page
    assert "report: " in printed and (out / "report_plots" / "expert_gates_2_entityclip.png").is_file()

    again = run_demo(PLAIN, out=out, manifest=manifest, config=config)
    printed = capsys.readouterr().out
    assert "generated 0" in printed
    assert printed.count("already trained") == printed.count("already evaluated") == 3
    assert again.metrics == report.metrics
    _the_other_commands_say_the_same(out, report.verdict, monkeypatch, capsys)


def _the_other_commands_say_the_same(
    out: Path, verdict: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["entityclip", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert exit_.value.code == 0
        return capsys.readouterr().out

    runs = [str(out / arm) for arm in ARMS]
    for arguments in ([str(out)], runs, [runs[1], runs[0], runs[2]]):
        assert printed("report", *arguments).startswith(f"{verdict}\n")
    kinds = {"plain": "plain CLIP", "entityclip": "EntityCLIP", "anchors": "CLIP with anchors"}
    shown = printed("inspect", str(out))
    for arm, kind in kinds.items():
        part = shown.split(f"training run: {out / arm}\n")[1].split("training run:")[0]
        assert re.search(rf"^method +{kind}( \(.*\))?$", part, re.M)
        assert json.loads(printed("inspect", runs[list(kinds).index(arm)], "--json"))["method"] == kind
    with served(out) as site:
        page = httpx.get(f"{site.address}retrieval?q=lord", timeout=120).text
    found = re.findall(r'<h2 id="arm-\d+">([^<]+)</h2>\s*<p class="labels"><span>([^<]+)</span>', page)
    assert found == list(kinds.items())


@pytest.mark.slow
def test_the_chain_of_a_dataset_on_some_of_its_pairs(
    small: tuple[Path, Path, Path], tmp_path: Path, prefect_server: None
) -> None:
    manifest, config, _ = small
    content = yaml.safe_load(manifest.read_text())
    limited = manifest.with_name("limited.yaml")
    limited.write_text(yaml.safe_dump({**content, "output": str(tmp_path / "explanations"), "num_shards": 2}))
    state = run_entityclip(limited, config, tmp_path, limit=60, overrides=["optim.steps=4"], return_state=True)
    assert state.is_completed() and state.message == state.result().verdict
    records = {arm: json.loads((tmp_path / arm / "train.json").read_text()) for arm in ARMS}
    assert records["plain"]["parameters"]["training_only"] == 0 < records["entityclip"]["parameters"]["training_only"]
    assert all(record["steps"] == 4 and record["allow_partial"] for record in records.values())
    assert (tmp_path / "report.html").is_file()
