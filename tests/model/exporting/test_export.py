"""An exported run is a plain open_clip model, equal to the bit, with nothing of ours and nothing else on disk."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from model.checkpoints.checkpoint import load_trained_towers, save_checkpoint
from model.clip.folder import write_config
from model.clip.open_clip_import import open_clip
from model.clip.towers import Towers, load_towers
from model.distributed.device import torch_threads
from model.errors import ModelError
from model.evaluation.embed_explanations import text_tower_digest
from model.evaluation.explained import evaluate_explained
from model.evaluation.reader import load_reader_of
from model.exporting.export import RECORD, export
from model.method.entityclip import EntityCLIP
from model.search.explained import load_reader, with_explanations
from model.search.index import build_index
from model.settings.schema import MethodSettings, TowerSettings, TrainSettings
from model.training.loop import train
from tests.model.shard_writer import picture
from tests.model.tiny_clip import config, make_tiny_clip

DEMO = Path(__file__).parents[3] / "data_manifests" / "heraldry" / "clip"
TEXTS = ["lord of name0 with a red star", "a", "blue " * 60]

STRANGER = """
import json, sys
import torch
from PIL import Image
from safetensors.torch import save_file
import open_clip
torch.set_num_threads(1)
image, texts, *folders = sys.argv[1:]
for folder in folders:
    clip, _, preprocess = open_clip.create_model_and_transforms("local-dir:" + folder)
    tokenizer = open_clip.get_tokenizer("local-dir:" + folder)
    with torch.no_grad():
        found = {"image": clip.eval().encode_image(preprocess(Image.open(image))[None])}
        found["text"] = clip.encode_text(tokenizer(json.loads(texts)))
    save_file(found, folder + ".embeddings")
ours = {name for name in sys.modules if name.split(".")[0] in ("model", "pipeline", "flows")}
assert not ours, ours
"""


@pytest.fixture
def tiny_by_name(monkeypatch: pytest.MonkeyPatch) -> str:
    """A model that open_clip knows by name: QuickGELU, a CustomTextCLIP, its default tokenizer."""
    cfg = copy.deepcopy(config()["model_cfg"]) | {"quick_gelu": True, "custom_text": True}
    cfg["text_cfg"] |= {"vocab_size": 49408, "context_length": 12}
    del cfg["text_cfg"]["hf_tokenizer_name"]
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-quickgelu", cfg)
    return "tiny-quickgelu"


def make_run(run: Path, towers: TowerSettings) -> Path:
    torch.manual_seed(0)
    model = EntityCLIP(load_towers(towers).clip, MethodSettings(image_experts=1, shared_experts=1, text_experts=1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    save_checkpoint(run, model, towers, step=3, validation=None)
    return run


def embeddings(towers: Towers, image: Path) -> dict[str, torch.Tensor]:
    clip: Any = towers.clip.eval()
    with torch.no_grad():
        pixels = towers.transform(Image.open(image))[None]
        return {"image": clip.encode_image(pixels), "text": clip.encode_text(towers.tokenizer(TEXTS))}


@pytest.mark.slow
def test_open_clip_alone_gives_the_same_embeddings(tiny_by_name: str, tmp_path: Path) -> None:
    """A QuickGELU folder with a preprocessing of its own, the demo's folder, and a name; the originals removed."""
    original = make_tiny_clip(tmp_path / "original")
    settings = json.loads((original / "open_clip_config.json").read_text())
    settings["model_cfg"]["quick_gelu"] = True
    settings["preprocess_cfg"] |= {"interpolation": "bilinear", "resize_mode": "squash"}
    (original / "open_clip_config.json").write_text(json.dumps(settings))
    demo = shutil.copytree(DEMO, tmp_path / "demo")
    models = {"folder": f"local-dir:{original}", "demo": f"local-dir:{demo}", "name": tiny_by_name}
    image = tmp_path / "image.png"
    picture(3).resize((70, 50)).save(image)
    expected, exports = {}, []
    for name, model in models.items():
        run = make_run(tmp_path / "run", TowerSettings(model=model))
        with torch_threads(1):
            expected[name] = embeddings(load_trained_towers(run), image)
        exports.append(export(run / "checkpoint" if name == "demo" else run, tmp_path / "out" / name))
        written = json.loads((exports[-1] / "open_clip_config.json").read_text())["model_cfg"]
        assert written["quick_gelu"] == (name != "demo")
        shutil.rmtree(run)
    shutil.rmtree(original)
    shutil.rmtree(demo)
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(models)

    command = [sys.executable, "-c", STRANGER, str(image), json.dumps(TEXTS), *map(str, exports)]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    for folder in exports:
        found = load_file(folder.with_name(folder.name + ".embeddings"))
        for side, embedding in expected[folder.name].items():
            assert torch.equal(found[side], embedding), (folder.name, side)
        load_towers(TowerSettings(model=f"local-dir:{folder}"))  # and so does whatever of ours takes a model


def test_only_an_export_is_replaced(clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", TowerSettings(model=f"local-dir:{clip_folder}"))
    out = tmp_path / "out"
    out.mkdir()
    export(run, out)
    before = {path.name for path in out.iterdir()}
    assert RECORD in before
    export(run, out)
    assert {path.name for path in out.iterdir()} == before

    with pytest.raises(ModelError, match="is neither empty nor an export"):
        export(run, clip_folder)
    with pytest.raises(ModelError, match="is not a folder"):
        export(run, clip_folder / "open_clip_config.json")
    with pytest.raises(ModelError, match="no checkpoint at"):
        export(tmp_path / "nowhere", tmp_path / "new")
    assert not (tmp_path / "new").exists()

    def with_another_activation(folder: Path, model_cfg: dict, *rest: Any) -> None:
        write_config(folder, {**model_cfg, "quick_gelu": True}, *rest)

    monkeypatch.setattr("model.clip.folder.write_config", with_another_activation)
    with pytest.raises(ModelError, match=r"differs .* in: modules, image embeddings, text embeddings"):
        export(run, tmp_path / "new")
    assert not (tmp_path / "new").exists() and len(list(tmp_path.iterdir())) == 2


def test_preprocessing_of_a_weights_tag_is_exported(
    tiny_by_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """open_clip knows it by the tag, which the trained weights have replaced."""
    tag = {"mean": (0.5, 0.4, 0.3), "std": (0.1, 0.2, 0.3), "resize_mode": "squash", "quick_gelu": True, "file": "x"}
    run = make_run(tmp_path / "run", TowerSettings(model=tiny_by_name))
    card = run / "checkpoint" / "checkpoint.json"
    card.write_text(card.read_text().replace('"pretrained": null', '"pretrained": "some-tag"'))
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda model, name: tag)
    trained = load_trained_towers(run)
    assert "squash" in str(trained.clip.visual.preprocess_cfg)
    config = json.loads((export(run, tmp_path / "out") / "open_clip_config.json").read_text())["preprocess_cfg"]
    assert config["mean"] == [0.5, 0.4, 0.3] and config["std"] == [0.1, 0.2, 0.3] and config["resize_mode"] == "squash"


@pytest.fixture
def trained(settings: TrainSettings, tmp_path: Path, undrawn_curves: None) -> Path:
    """A run from a folder of its own."""
    clip = make_tiny_clip(tmp_path / "clip", seed=5)
    method = settings.method.model_copy(update={"mmae": False, "gi_itm": False})
    towers = TowerSettings(model=f"local-dir:{clip}")
    train(settings.model_copy(update={"towers": towers, "method": method}), tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.slow
def test_an_export_carries_the_towers_that_training_started_from(
    trained: Path, settings: TrainSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate_explained(trained)
    alpha = json.loads((trained / "explained.json").read_text())["alpha"]["towers"]
    initial = load_towers(TowerSettings(model=f"local-dir:{tmp_path / 'clip'}"))
    of_run = build_index(trained, tmp_path / "of-run")
    out = export(trained, tmp_path / "out" / "mine")
    shutil.rmtree(tmp_path / "clip")
    reader, _, _ = open_clip.create_model_and_transforms(f"local-dir:{out / 'reader'}")
    states = initial.clip.state_dict(), reader.state_dict()
    assert states[0].keys() == states[1].keys() and all(torch.equal(states[0][n], states[1][n]) for n in states[0])
    record = json.loads((out / RECORD).read_text())
    digest = text_tower_digest(initial.clip)
    low = record["reader"].pop("low_agreement")
    assert low is not None and record["reader"] == {"sha256": digest, "alpha": alpha, "alpha_chosen": "validation"}
    assert set(record["sha256"]) == {"open_clip_model.safetensors", "reader/open_clip_model.safetensors"}
    assert str(tmp_path) not in (out / RECORD).read_text() + (out / "README.md").read_text()

    index = build_index(out, tmp_path / "index", explanations=settings.data.explanations)
    assert index.about["reader"]["sha256"] == digest and index.about["model_sha256"] == of_run.about["model_sha256"]
    query = torch.nn.functional.normalize(torch.ones(1, 24), dim=-1)
    expected, _ = with_explanations(query, ["name1 a red star"], initial, 2.0)
    moved = shutil.move(out, tmp_path / "moved")
    with pytest.raises(ModelError, match="--model"):
        load_reader(index)
    for found in (load_reader(index, moved), load_reader_of(moved).towers):
        assert torch.equal(with_explanations(query, ["name1 a red star"], found, 2.0)[0], expected)
    weights = moved / "reader" / "open_clip_model.safetensors"
    save_file(load_file(weights) | {"text_projection": torch.ones(32, 24)}, weights)
    with pytest.raises(ModelError, match="is not the one that was exported; export the run again"):
        load_reader(index, moved)
    with pytest.raises(ModelError, match="is not the one that was exported; export the run again"):
        build_index(moved, tmp_path / "index", explanations=settings.data.explanations)
    shutil.rmtree(moved / "reader")
    captions = build_index(moved, tmp_path / "index", explanations=settings.data.explanations)
    with pytest.raises(ModelError, match="which had the towers that the model started from, is no longer there"):
        load_reader(captions)
    assert capsys.readouterr().err.count("no reader") == 0


def test_a_reader_that_is_not_wanted_or_not_there_is_left_out(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = export(trained, tmp_path / "out", with_reader=False)
    assert not (out / "reader").exists() and json.loads((out / RECORD).read_text())["reader"] is None
    assert "no reader" not in capsys.readouterr().err and "norm(t" not in (out / "README.md").read_text()
    assert (export(trained, out) / "reader").exists()  # and a later export replaces it
    shutil.rmtree(tmp_path / "clip")
    out = export(trained, out)
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "no reader" in line]
    assert f"the towers that {trained} started from cannot be loaded" in said and str(tmp_path / "clip") in said
    assert not (out / "reader").exists() and "norm(t" not in (out / "README.md").read_text()
    with pytest.raises(ModelError, match="was exported without"):
        load_reader_of(out)


def test_the_reader_of_a_run_that_started_from_a_run_is_that_run(
    trained: Path, settings: TrainSettings, tmp_path: Path
) -> None:
    again = settings.model_copy(update={"towers": TowerSettings(model=f"local-dir:{trained}")})
    train(again, tmp_path / "second")
    out = export(tmp_path / "second" / "checkpoint", tmp_path / "out")
    found = load_towers(TowerSettings(model=f"local-dir:{out / 'reader'}"))
    assert text_tower_digest(found.clip) == text_tower_digest(load_trained_towers(trained).clip)
