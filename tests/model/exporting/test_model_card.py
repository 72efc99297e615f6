"""The card of an export: read as the hub reads it, tried as it says, and safe whatever names and prompts are in it."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from model.checkpoints.checkpoint import load_trained_towers
from model.distributed.device import torch_threads
from model.evaluation.evaluate import evaluate, read_metrics
from model.evaluation.explained import evaluate_explained
from model.evaluation.reader import load_reader_of
from model.exporting.export import export
from model.exporting.model_card import LOADING, code, fenced, model_card
from model.run_files import read_checkpoint_card
from model.search.explained import with_explanations
from model.settings.schema import TrainSettings
from model.training.loop import train
from tests.model.shard_writer import picture

pytestmark = pytest.mark.usefixtures("undrawn_curves")

HOSTILE = (
    "<script>alert(1)</script> `` ``` | [x](javascript:alert(1)) \n\n# pwned\n---\n<img src=x onerror=alert(1)> {{7*7}}"
)


@pytest.fixture(scope="module")
def run(clip_folder: Path, dataset: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {
        "towers": {"model": f"local-dir:{clip_folder}"},
        "method": {"image_experts": 1, "shared_experts": 1, "text_experts": 1},
        "data": {"explanations": dataset[0], "workers": 0},
        "optim": {"steps": 2, "batch_size": 8},
        "threads": 1,
        "device": "cpu",
    }
    out = tmp_path_factory.mktemp("run") / "mine"
    train(TrainSettings.model_validate(settings), out)
    return out


class _Seen(HTMLParser):
    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str | None] = set()
        self.headings: list[str] = []
        self.cells: list[str] = []
        self.code: list[str] = []
        self._in: list[str] = []
        self.feed(MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(markdown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in.append(tag)
        self.links |= {value for name, value in attrs if name in ("href", "src")}
        if tag in ("h1", "h2"):
            self.headings.append("")
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in.pop()

    def handle_data(self, data: str) -> None:
        if {"h1", "h2"} & set(self._in):
            self.headings[-1] += data
        if {"td", "th"} & set(self._in):
            self.cells[-1] += data
        if "code" in self._in:
            self.code.append(data)


def body(card: str) -> str:
    return card.split("---\n", 2)[2]


def _programs(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_the_code_for_explanations_gives_what_search_gives(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is printed; with an explanation of one segment, and with the two that it shows."""
    run = shutil.copytree(run, tmp_path / "run")
    evaluate_explained(run)
    alpha = json.loads((run / "explained.json").read_text())["alpha"]["towers"]
    folder = export(run, tmp_path / "mine-clip")
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "chosen on validation" in text
    loading, explained = _programs(text)
    assert f"alpha = {alpha}\n" in explained
    picture(3).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(loading.replace("path/to/this/folder", str(folder)) + explained, found)
    parts = found["explanation"]
    assert len(parts) == 2
    reader = load_reader_of(run).towers
    two, _ = with_explanations(found["text"][:1], ["\n".join(parts)], reader, alpha)
    torch.testing.assert_close(found["query"], two[0], atol=1e-6, rtol=0)
    one = re.sub(r"explanation = \[.*?\]", "explanation = ['name1 a red star']", explained)
    exec(one, found)
    expected, _ = with_explanations(found["text"][:1], ["name1 a red star"], reader, alpha)
    assert (found["query"] - expected[0]).abs().max() < 1e-6
    assert (found["query"] - found["text"][0]).abs().max() > 1e-3 or alpha == 0


@pytest.mark.slow
def test_a_card_is_read_by_the_hub_and_its_code_runs(run: Path, tmp_path: Path) -> None:
    evaluate(run)
    folder = export(run, tmp_path / "mine-clip")
    text = (folder / "README.md").read_text(encoding="utf-8")
    data = ModelCard(text).data.to_dict()
    assert data["library_name"] == "open_clip" and "clip" in data["tags"] and "license" not in data
    assert str(run.parent) not in text and "/tmp" not in text and str(Path.home()) not in text

    seen = _Seen(body(text))
    test = read_metrics(run)["splits"]["test"]
    low, high = test["intervals"]["mean_recall"]
    assert f"{test['mean_recall']:.1f} ({low:.1f} to {high:.1f})" in seen.cells
    listed = {result.metric_type: result.metric_value for result in ModelCard(text).data.eval_results or []}
    assert listed["mean_recall"] == round(test["mean_recall"], 2) and len(listed) == 9
    assert listed["image_to_text_MedR"] == test["image_to_text"]["MedR"]
    recall, ends = test["text_to_image"]["R@5"], test["intervals"]["text_to_image"]["R@5"]
    assert f"{recall:.1f} ({ends[0]:.1f} to {ends[1]:.1f})" in seen.cells
    made = read_checkpoint_card(run)["trained_with"]["data"]
    assert {made[use]["shards_sha256"] for use in made} | {"tiny", "toy"} <= set(seen.code)

    picture(3).save(tmp_path / "photo.jpg")
    shown, explained = _programs(text)
    assert shown == LOADING
    program = f"{shown}{explained}print(json.dumps((image @ text.T).tolist()))"
    program = program.replace("path/to/this/folder", str(folder))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", f"import json\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    towers = load_trained_towers(run)
    clip: Any = towers.clip.eval()
    from PIL import Image

    with torch.no_grad(), torch_threads(1):
        pixels = towers.transform(Image.open(tmp_path / "photo.jpg"))[None]
        image = clip.encode_image(pixels, normalize=True)
        texts = clip.encode_text(towers.tokenizer(["a caption", "another caption"]), normalize=True)
    torch.testing.assert_close(torch.tensor(json.loads(done.stdout.splitlines()[-1])), image @ texts.T)


def test_whatever_names_it_has_it_stays_text(run: Path) -> None:
    plain = read_checkpoint_card(run)
    expected = _Seen(body(model_card(plain, None, "mine", 10)))
    hostile = copy.deepcopy(plain)
    hostile["began_from"] = {"model": HOSTILE, "pretrained": HOSTILE}
    hostile["trained_with"]["settings"]["towers"]["model"] = HOSTILE
    hostile["trained_with"]["versions"]["git"] = {"commit": HOSTILE, "dirty": True}
    for data in hostile["trained_with"]["data"].values():
        data["split"], data["gaps"] = HOSTILE, [HOSTILE]
        data["made_by"] = [dict.fromkeys(by, HOSTILE) for by in data["made_by"]]
    found = {"mean_recall": 1.0, "gallery": 2, "gaps": [HOSTILE]}
    found |= {way: {"R@1": 1.0, "R@5": 1.0, "R@10": 1.0, "MedR": 2.0} for way in ("image_to_text", "text_to_image")}
    metrics = {"towers_sha256": plain["sha256"]["towers.safetensors"], "splits": {HOSTILE: found}}
    text = model_card(hostile, metrics, HOSTILE, 10)
    data = ModelCard(text).data.to_dict()
    (index,) = data.pop("model-index")
    assert data == ModelCard(model_card(plain, None, "mine", 10)).data.to_dict()
    assert index["name"] == HOSTILE and {one["dataset"]["split"] for one in index["results"]} == {HOSTILE}
    seen = _Seen(body(text))
    assert seen.tags <= expected.tags | {"strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert seen.links == expected.links and len(seen.headings) == len(expected.headings)
    one_line = " ".join(HOSTILE.split())
    assert seen.headings[0] == one_line and one_line in seen.cells and len(seen.cells) == 3 * 8


def test_metrics_of_other_weights_and_what_was_not_trained_here(run: Path) -> None:
    card = read_checkpoint_card(run)
    stale = {"towers_sha256": "0" * 64, "splits": {"test": {}}}
    assert "have not been measured" in model_card(card, stale, "mine", 10)
    assert "with an LLM's explanations of the entities" in model_card(card, None, "mine", 10)
    control = copy.deepcopy(card)
    control["trained_with"]["wrong_explanations"] = True
    assert "**with the explanations of other captions**" in model_card(control, None, "mine", 10)
    method = {**card["method"], "mmae": False, "gi_itm": False}
    assert "no explanations were read (plain CLIP)" in model_card({**card, "method": method}, None, "mine", 10)
    unread = model_card({**card, "method": {**card["method"], "shared_experts": 0}}, None, "mine", 10)
    assert "fine-tuned without explanations, as in EntityCLIP" in unread and "(MMAE, GI-ITM)" in unread
    anchored = model_card({**card, "method": {**method, "anchor_text_weight": 1.0}}, None, "mine", 10)
    assert "(explanation anchors, which are not in the paper)" in anchored and "written by an LLM and" in anchored
    assert "based on EntityCLIP" in anchored
    imported = {**card, "trained_with": None, "origin": {"file": "best.pt"}, "validation": None}
    text = model_card(imported, None, "mine", 10)
    assert "imported from `best.pt`" in text and "is not recorded" in text


@pytest.mark.parametrize("text", ["", "`", "``a`", "a`b``c", " x ", "a|b", "<b>&amp;\\*", "x\ny"])
def test_code_spans_and_blocks_hold_any_text(text: str) -> None:
    assert "".join(_Seen(code(text)).code).strip() == " ".join(text.split())
    assert _Seen(fenced(f"{text}\n```\nmore", "yaml")).code == [f"{text}\n```\nmore\n"]
