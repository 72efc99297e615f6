import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from entityclip.contract.weight_files import TensorInfo, tensors_in, why_no_weights

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(4, dtype=torch.bfloat16)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def _divided(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-1-of-2.safetensors")
    index = {"weight_map": {"a": "model-1-of-2.safetensors", "c": "model-2-of-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_whole_weights_are_fine_in_every_form(folder: Path) -> None:
    assert why_no_weights(folder) is None
    found = tensors_in(folder / "model.safetensors")
    assert found == {"a": TensorInfo("F32", (2, 3)), "b": TensorInfo("BF16", (4,))}
    _divided(folder)
    save_file({"c": torch.zeros(1)}, folder / "model-2-of-2.safetensors")
    assert why_no_weights(folder) is None
    (folder / "model.safetensors.index.json").unlink()
    assert "has no weights" in str(why_no_weights(folder))
    assert why_no_weights(folder, other_formats=True) is None
    torch.save({"a": torch.zeros(2)}, folder / "pytorch_model.bin")
    assert why_no_weights(folder) is None


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: POINTER.encode(), "is a Git LFS pointer, .* run `git lfs pull`"),
        (lambda data: data[:-1], "is truncated: it should have .* bytes"),
        (lambda data: data[:20], "is truncated: its header"),
        (lambda data: data + b"\0", "is damaged: it should have"),
        (lambda data: b"", "is empty"),
        (lambda data: b"<!doctype html><html></html>", "is no safetensors file"),
        (lambda data: data[:8] + b"x" * (len(data) - 8), "is no safetensors file, or its header is damaged"),
        (lambda data: data.replace(b"[2,3]", b"[2,4]"), "the size of tensor a is not that of its shape"),
    ],
)
def test_damage_is_said(folder: Path, damage, says: str) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    why = why_no_weights(folder)
    assert why is not None and why.startswith(str(path))
    assert re.search(says, why), why


def test_other_files_are_looked_at_too(folder: Path) -> None:
    _divided(folder)
    assert "names 2 files, and 1 of them are missing: model-2-of-2.safetensors" in str(why_no_weights(folder))
    (folder / "model.safetensors.index.json").write_text("{}")
    assert "no usable weight_map" in str(why_no_weights(folder))
    (folder / "model.safetensors.index.json").unlink()
    torch.save({"a": torch.zeros(2)}, folder / "pytorch_model.bin")
    (folder / "pytorch_model.bin").write_bytes((folder / "pytorch_model.bin").read_bytes()[:-30])
    assert "is truncated (its end is missing)" in str(why_no_weights(folder))
    (folder / "pytorch_model.bin").write_text("<html>")
    assert "is no file of weights" in str(why_no_weights(folder))
    (folder / "tokenizer.json").write_text(POINTER)
    assert "tokenizer.json is a Git LFS pointer" in str(why_no_weights(folder))
    (folder / "tokenizer.json").write_text('{"a": ')
    assert "tokenizer.json is damaged or incomplete" in str(why_no_weights(folder))
