"""A CLIP folder whose files are damaged or do not belong together is refused in words, never random or interpolated."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.clip.towers import load_towers
from model.errors import ModelError
from model.settings.schema import TowerSettings

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
WEIGHTS = "open_clip_model.safetensors"
Change = Callable[[Path], object]


def _tensors(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Change:
    return lambda folder: save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)


def _as_bin(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "open_clip_pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    (folder / "open_clip_pytorch_model.bin").write_bytes((folder / "open_clip_pytorch_model.bin").read_bytes()[:-900])


def _longer_context(folder: Path) -> None:
    config = json.loads((folder / "open_clip_config.json").read_bytes())
    config["model_cfg"]["text_cfg"]["context_length"] = 20
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def _other_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    tokenizer["model"]["vocab"] |= {f"more{number}": 100 + number for number in range(90)}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_tensors(lambda w: {k: v for k, v in w.items() if k != "visual.proj"}), "Missing key.*visual.proj"),
        (_tensors(lambda w: {f"model.{k}": v for k, v in w.items()}), "Missing key"),
        (_tensors(lambda w: {**w, "visual.proj": torch.zeros(3, 3)}), r"size mismatch for visual.proj"),
        (_tensors(lambda w: {**w, "positional_embedding": torch.zeros(3, 3)}), "cannot load"),
        (_longer_context, r"positional_embedding is \[10, 32\], not \[20, 32\]"),
        (_other_tokenizer, "the tokenizer has 166 tokens, but the text tower 76"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-9]), "is truncated"),
        (lambda f: (f / WEIGHTS).write_text(POINTER), "is a Git LFS pointer"),
        (lambda f: (f / WEIGHTS).write_text(""), "is empty"),
        (lambda f: (f / WEIGHTS).write_text("<!doctype html>"), "is no safetensors file"),
        (lambda f: (f / WEIGHTS).unlink(), "has no weights"),
        (_as_bin, "is truncated"),
        (lambda f: (f / "tokenizer.json").write_text(POINTER), "tokenizer.json is a Git LFS pointer"),
        (lambda f: (f / "open_clip_config.json").write_text('{"model_cfg": '), "is damaged or incomplete"),
    ],
)
def test_damage_is_said(clip_folder: Path, tmp_path: Path, change: Change, says: str) -> None:
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    change(folder)
    with pytest.raises(ModelError, match=rf"^towers\.model: .*{says}") as error:
        load_towers(TowerSettings(model=f"local-dir:{folder}"))
    assert "\n" not in str(error.value)
