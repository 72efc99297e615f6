"""The paper's recipe from end to end on releases in their true layout, with a tiny CLIP in place of ViT-B/32."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from flows.arms import SEARCH_ARMS
from flows.cli.main import main
from flows.paper_benchmarks import PAPER_ARMS
from pipeline.manifest.manifest import load_manifest
from pipeline.readers import read_pairs
from tests.model.tiny_clip import NAMES, WORDS, make_tiny_clip
from tests.support.dataset import write_manifest
from tests.support.news import write_explanations, write_goodnews, write_n24news, write_visualnews

pytestmark = pytest.mark.usefixtures("undrawn_curves")
Run = Callable[..., tuple[int, str]]
_TINY = {
    "method.image_experts": 1, "method.shared_experts": 1, "method.text_experts": 1,
    "optim.steps": 2, "optim.batch_size": 4, "data.workers": 0, "threads": 1, "device": "cpu",
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `entityclip reproduce` with a tiny CLIP and two steps: exit code and what it printed."""
    tiny = {"towers.model": f"local-dir:{make_tiny_clip(tmp_path / 'clip')}", **_TINY}

    def run_(benchmark: str, *arguments: object, **changes: object) -> tuple[int, str]:
        sets = [word for key, value in {**tiny, **changes}.items() for word in ("--set", f"{key}={value}")]
        command = ["entityclip", "reproduce", benchmark, "--root", tmp_path / "release", "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", [str(word) for word in (*command, *arguments, *sets)])
        monkeypatch.setenv("COLUMNS", "80")
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capfd.readouterr()
        return code, said.out + said.err

    return run_


def _write_released(folder: Path, benchmark: str, *, without: int = 0) -> None:
    manifest = write_manifest(folder, Path("nobody/nothing"), dataset={"kind": benchmark, "root": "release"})
    images: dict[str, list[str]] = {}
    for pair in read_pairs(load_manifest(manifest)):
        images.setdefault(pair.split, []).append(pair.image)
    images["train"] = images["train"][without:]
    write_explanations(folder / "release", benchmark, images)


@pytest.mark.slow  # the other layouts run the same flow with fewer arms
def test_released_explanations_all_arms_and_seeds_and_again(tmp_path: Path, run: Run) -> None:
    write_n24news(tmp_path / "release", per_split=12)
    for number, path in enumerate((tmp_path / "release" / "news").glob("nytimes_*.json")):
        records = json.loads(path.read_text())
        for place, record in enumerate(records):
            record["caption"] = (
                f"{NAMES[12 * number + place]} of {WORDS[place % 6]} house"  # that the tiny CLIP can read
            )
        path.write_text(json.dumps(records))
    _write_released(tmp_path, "n24news")
    changes = {"optim.lr": 0.01, "data.splits.val": "null"}  # so that the last step counts, and arms differ
    code, said = run("n24news", "--seed", 1, "--seed", 2, **changes)
    assert code == 0, said
    out = tmp_path / "out"
    table = json.loads((out / "table.json").read_text())
    assert (table["split"], table["gallery"], table["seeds"], list(table["arms"])) == (
        "test",
        12,
        [1, 2],
        [*PAPER_ARMS],
    )
    for arm in PAPER_ARMS:
        folders = [out / f"seed-{seed}" / arm.lower().replace(" ", "-") for seed in (1, 2)]
        values = [
            json.loads((folder / "metrics.json").read_text())["splits"]["test"]["text_to_image"]["R@1"]
            for folder in folders
        ]
        cell = table["arms"][arm]["text_to_image"]["R@1"]
        assert cell["mean"] == pytest.approx(sum(values) / 2)
        assert cell["sd"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
        for seed, folder in zip((1, 2), folders, strict=True):
            settings = yaml.safe_load((folder / "settings.yaml").read_text())
            assert (settings["seed"], settings["preset"], settings["optim"]["optimizer"]) == (seed, "paper", "adam")
            assert settings["method"]["bridge_weight"] == (0.5 if "bridge" in arm else 0)
            assert settings["method"]["mmae"] == (arm not in ("plain CLIP", "GI-ITM only"))
            assert settings["method"]["gi_itm"] == (arm not in ("plain CLIP", "MMAE only"))
    weights = {json.loads(path.read_text())["towers_sha256"] for path in out.glob("seed-*/*/metrics.json")}
    assert len(weights) == 10
    assert len({table["arms"][arm]["text_to_image"]["MeanR"]["mean"] for arm in PAPER_ARMS}) > 2
    tables = said[said.index("text to image, test split") : said.index("\ntable: ")]
    assert max(map(len, tables.splitlines())) <= 80

    trained = {path: path.stat().st_mtime_ns for path in out.glob("seed-*/*/train.json")}
    measured = {path: path.stat().st_mtime_ns for path in out.glob("seed-*/*/metrics.json")}
    missing = out / "seed-2" / "gi-itm-only" / "train.json"
    missing.unlink()
    del trained[missing], measured[missing.with_name("metrics.json")]
    code, said = run("n24news", "--seed", 1, "--seed", 2, **changes)
    assert code == 0
    assert said.count("already trained") == 9
    assert "already checked: ok" in said
    assert missing.exists()
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    assert {path: path.stat().st_mtime_ns for path in measured} == measured
    assert json.loads((out / "table.json").read_text()) == table


@pytest.mark.parametrize(
    ("benchmark", "write"),
    [
        pytest.param("visualnews", lambda root: write_visualnews(root, 24, split=True), marks=pytest.mark.slow),
        ("goodnews", lambda root: write_goodnews(root, 15)),
    ],
)
def test_the_other_layouts(benchmark: str, write: Callable[[Path], None], tmp_path: Path, run: Run) -> None:
    write(tmp_path / "release")
    _write_released(tmp_path, benchmark, without=1)
    code, said = run(benchmark, "--seed", 0, **{"optim.steps": 1})
    assert code == 0, said
    assert "missing: train 1" in said
    table = json.loads((tmp_path / "out" / "table.json").read_text())
    assert list(table["arms"]) == list(PAPER_ARMS)
    assert table["arms"]["EntityCLIP"]["mean_recall"]["sd"] is None
    settings = yaml.safe_load((tmp_path / "out" / "seed-0" / "entityclip" / "settings.yaml").read_text())
    assert settings["optim"]["lr"] == (5e-6 if benchmark == "goodnews" else 1e-5)


@pytest.mark.slow
def test_with_explanations_rows_name_their_protocol(tmp_path: Path, run: Run) -> None:
    write_n24news(tmp_path / "release", per_split=12)
    _write_released(tmp_path, "n24news")
    code, said = run("n24news", "--seed", 1, "--explained", **{"optim.steps": 1})
    assert code == 0, said
    out = tmp_path / "out"
    table = json.loads((out / "table.json").read_text())
    arms = [*PAPER_ARMS, *SEARCH_ARMS]
    assert [row for row in table["arms"] if row.endswith(": P0")] == [f"{arm}: P0" for arm in arms]
    assert [row for row in table["arms"] if row.endswith(": P1-MMAE")] == [
        "one-sided EntityCLIP: P1-MMAE",
        "one-sided EntityCLIP, cached: P1-MMAE",
    ]
    of_run = json.loads((out / "seed-1" / "entityclip" / "explained.json").read_text())["splits"]["test"]["protocols"]
    for row, protocol in (("P0", "caption"), ("P1-towers", "explained"), ("others' explanations", "others")):
        cell = table["arms"][f"EntityCLIP: {row}"]["text_to_image"]["MedR"]["mean"]
        assert cell == of_run[protocol]["text_to_image"]["MedR"]
    plain = json.loads((out / "seed-1" / "plain-clip" / "metrics.json").read_text())["splits"]["test"]
    assert table["arms"]["plain CLIP: P0"]["mean_recall"]["mean"] == pytest.approx(plain["mean_recall"])

    measured = {path: path.stat().st_mtime_ns for path in out.glob("seed-*/*/explained.json")}
    assert len(measured) == len(arms)
    assert run("n24news", "--seed", 1, "--explained", **{"optim.steps": 1})[0] == 0
    assert {path: path.stat().st_mtime_ns for path in measured} == measured


@pytest.mark.slow
def test_generated_explanations(tmp_path: Path, tiny_llama: Path, run: Run) -> None:
    write_n24news(tmp_path / "release", per_split=6)
    manifest = write_manifest(tmp_path, tiny_llama, generation__judge={"min_entities_share": 0})
    code, said = run("n24news", "--manifest", manifest, "--seed", 0, **{"optim.steps": 1, "optim.batch_size": 2})
    assert code == 0, said
    assert "explanations of n24news" in said or "explanations of tiny" in said
    assert json.loads((tmp_path / "out" / "table.json").read_text())["gallery"] == 6


def test_mistakes_show_before_anything_long(tmp_path: Path, run: Run) -> None:
    code, said = run("n24news")
    assert (code, "name the folder of n24news's published files" in said) == (2, True)
    write_n24news(tmp_path / "release")
    code, said = run("coco")
    assert (code, "there is no benchmark 'coco'; choose from n24news, visualnews, goodnews" in said) == (2, True)
    _write_released(tmp_path, "n24news")
    for image in (tmp_path / "release" / "imgs").iterdir():
        image.unlink()
    code, said = run("n24news")
    assert (code, "the check found errors" in said, "missing_images" in said) == (2, True, True)
    assert not (tmp_path / "out" / "seed-42").exists()
