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
from safetensors.torch import load_file

from model.checkpoints.checkpoint import load_trained_towers, save_checkpoint
from model.clip.folder import write_config
from model.clip.open_clip_import import open_clip
from model.clip.towers import Towers, load_towers
from model.distributed.device import torch_threads
from model.errors import ModelError
from model.exporting.export import RECORD, export
from model.method.entityclip import EntityCLIP
from model.settings.schema import MethodSettings, TowerSettings
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
