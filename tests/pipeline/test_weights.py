"""Weights that are not there are an error before the first row, in `check` too; no row has a text of random weights."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.checking.check import check_manifest
from pipeline.engines.factory import check_engine, check_model, engine_for
from pipeline.errors import PipelineError
from pipeline.generation.generate import generate
from pipeline.job import open_job
from pipeline.weights import check_tensors
from tests.support.dataset import write_manifest, write_pairs

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
WEIGHTS = "model.safetensors"
GATE = "model.layers.0.mlp.gate_proj.weight"
Change = Callable[[Path], object]


def _tensors(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Change:
    return lambda folder: save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})


def _vocabulary(size: int) -> Change:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_bytes())
        (folder / "config.json").write_text(json.dumps({**config, "vocab_size": size}))
        _tensors(lambda w: {k: torch.zeros(size, 128) if len(v) == 104 else v for k, v in w.items()})(folder)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            _tensors(lambda w: {k: v for k, v in w.items() if k != GATE}),
            rf"lacks 1 tensors \({GATE}\); they would",
        ),
        (_tensors(lambda w: {**w, GATE: torch.zeros(3, 3)}), rf"{GATE} is \[3, 3\], not \[128, 128\]"),
        (
            _tensors(lambda w: {f"bert.{k}": v for k, v in w.items()}),
            r"lacks 12 tensors .* has 12 that the model",
        ),
        (_vocabulary(30), "returns token ids up to 103, but the model has 30"),
        (_vocabulary(9000), "has 104 tokens, but the model has 9,000"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-9]), "is truncated"),
        (lambda f: (f / WEIGHTS).write_text(POINTER), "is a Git LFS pointer"),
        (lambda f: (f / WEIGHTS).write_text("<!doctype html>"), "is no safetensors file"),
        (lambda f: (f / WEIGHTS).unlink(), "has no weights"),
        (lambda f: (f / "tokenizer.json").write_text(POINTER), "tokenizer.json is a Git LFS pointer"),
        (lambda f: (f / "tokenizer.json").write_text('{"model": {}}'), "tokenizer of model llm cannot be loaded"),
        (lambda f: (f / "config.json").write_text('{"model_type": "no_such_model"}'), "no_such_model"),
        (lambda f: (f / "config.json").write_text("[1"), "config.json is damaged"),
    ],
)
def test_every_kind_is_said(tmp_path: Path, tiny_llama: Path, change: Change, says: str) -> None:
    write_pairs(tmp_path, 3)
    folder = shutil.copytree(tiny_llama, tmp_path / "llm")
    change(folder)
    manifest = write_manifest(tmp_path, folder)
    with pytest.raises(PipelineError, match=says):
        generate(open_job(manifest))
    assert not list((tmp_path / "explanations").rglob("part-*.parquet"))
    (finding, *_) = check_manifest(manifest).findings
    assert finding.code == "cannot_open" and finding.severity == "error"
    assert re.search(says, finding.what), finding.what


def test_tied_and_surplus_tensors_are_no_fault(tmp_path: Path, tiny_llama: Path) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "llm")
    _tensors(lambda w: {"rotary.inv_freq": torch.zeros(4), **w})(folder)
    _tensors(lambda w: {k: v for k, v in w.items() if k != "lm_head.weight"})(folder)
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    job = open_job(write_manifest(tmp_path, folder))
    check_engine(job)
    check_model(job)
    with engine_for(job):
        pass


def test_servers_have_their_own_weights(tmp_path: Path, tiny_llama: Path) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "llm")
    (folder / WEIGHTS).unlink()
    vllm = {"kind": "vllm", "urls": ["http://127.0.0.1:9/v1"]}
    job = open_job(write_manifest(tmp_path, folder, generation__engine=vllm))
    check_engine(job)
    check_model(job)


def test_shapes_are_compared_without_memory_for_the_weights(tmp_path: Path, tiny_llama: Path) -> None:
    """A checkpoint of half a TiB, sparse on disk: reading it would not end well."""
    folder = shutil.copytree(tiny_llama, tmp_path / "llm")
    config = json.loads((folder / "config.json").read_bytes())
    rows = 2**30
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": rows}))
    before, header, end = load_file(folder / WEIGHTS), {}, 0
    for name, tensor in before.items():
        shape = [rows, 128] if name in ("lm_head.weight", "model.embed_tokens.weight") else list(tensor.shape)
        size = 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    content = json.dumps(header).encode()
    with (folder / WEIGHTS).open("wb") as file:
        file.write(len(content).to_bytes(8, "little") + content)
        file.truncate(8 + len(content) + end)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    check_tensors(replace(job.model, source=str(folder)))
