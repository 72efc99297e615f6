"""A mistake is told before anything slow starts: before torch, transformers or Prefect are imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.model.shard_writer import write_dataset
from tests.support.dataset import write_manifest, write_pairs
from tests.support.prefect_lab import ROOT

HEAVY = ["torch", "transformers", "prefect", "open_clip", "matplotlib"]
CLIP = ROOT / "data_manifests" / "heraldry" / "clip"
# Runs commands in forks of a process that has imported what every command imports.
_FORKS = """
import io, json, os, sys
from contextlib import redirect_stderr, redirect_stdout
from flows.cli.main import main
cases, heavy = json.load(sys.stdin)
for arguments in cases:
    reading, writing = os.pipe()
    if not os.fork():
        sys.argv, code, said = ["entityclip", *arguments], 0, io.StringIO()
        try:
            with redirect_stderr(said), redirect_stdout(said):
                main()
        except SystemExit as end:
            code = end.code
        os.write(writing, json.dumps([code, said.getvalue(), sorted(sys.modules.keys() & set(heavy))]).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        print(answer.read(), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path, tiny_llama: Path) -> Path:
    """Manifests and settings, each with one mistake."""
    write_pairs(tmp_path, 4)
    explanations, _ = write_dataset(tmp_path, {"train": 8, "val": 4})
    faults = {
        "no-pairs": {"dataset__file": "nowhere.jsonl"},
        "no-images": {"dataset__root": "nowhere"},
        "no-vllm": {"generation__engine": {"kind": "vllm", "python": "nowhere/python"}},
        "no-key": {"generation__engine": {"kind": "vllm", "urls": ["http://127.0.0.1:1/v1"], "api_key_env": "NO_KEY"}},
        "hub": {"generation__model": "nobody/nothing", "generation__revision": "main"},
    }
    for name, change in faults.items():
        write_manifest(tmp_path, tiny_llama, output=f"out-{name}", **change).rename(tmp_path / f"{name}.yaml")
    settings = {
        "towers": {"model": f"local-dir:{CLIP}"},
        "data": {"explanations": str(explanations)},
        "optim": {"steps": 2, "batch_size": 4},
        "device": "cpu",
    }
    for name, change in {
        "train": {},
        "no-shards": {"data": {"explanations": str(tmp_path / "nowhere")}},
        "no-split": {"data": {"explanations": str(explanations), "splits": {"train": "nowhere"}}},
        "no-gpu": {"device": "cuda"},
    }.items():
        (tmp_path / f"{name}-settings.yaml").write_text(yaml.safe_dump(settings | change))
    (tmp_path / "finished").mkdir()
    (tmp_path / "finished" / "train.json").write_text("{}")
    return tmp_path


CASES = [
    (["check", "nowhere.yaml"], "no manifest at nowhere.yaml"),
    (["preview", "nowhere.yaml"], "no manifest at nowhere.yaml"),
    (["preview", "no-pairs.yaml"], "nowhere.jsonl"),
    (["preview", "no-images.yaml"], "set dataset.root in the manifest"),
    (["preview", "no-vllm.yaml"], "run `make vllm-env`"),
    (["preview", "hub.yaml"], "hf download nobody/nothing --revision main) and set HF_HOME"),
    (["generate", "nowhere.yaml"], "no manifest at nowhere.yaml"),
    (["generate", "no-pairs.yaml"], "nowhere.jsonl"),
    (["generate", "no-images.yaml"], "set dataset.root in the manifest"),
    (["generate", "no-vllm.yaml"], "run `make vllm-env`"),
    (["generate", "no-key.yaml"], "the environment variable NO_KEY is not set"),
    (["generate", "hub.yaml"], "hf download nobody/nothing --revision main) and set HF_HOME"),
    (["train", "nowhere.yaml", "--out", "run"], "no training settings at nowhere.yaml"),
    (["train", "no-vllm.yaml", "--out", "run"], "is a manifest, which `entityclip generate` reads"),
    (["train", "no-shards-settings.yaml", "--out", "run"], "generate them with: entityclip generate"),
    (
        ["train", "no-split-settings.yaml", "--out", "run"],
        "has no shards of split 'nowhere'",
    ),
    (["train", "train-settings.yaml", "--out", "finished"], "contains a finished run"),
    (["evaluate", "nowhere"], "no checkpoint at nowhere/checkpoint"),
    (["export", "nowhere", "out"], "no checkpoint at nowhere/checkpoint"),
    (["import-checkpoint", "nowhere.pt", "out"], "no checkpoint at nowhere.pt"),
    (["index", "nowhere", "out"], "no model at nowhere"),
    (["search", "nowhere", "query"], "no index at nowhere"),
    (["report", "nowhere"], "nowhere is not a folder"),
    (["report", "images"], "has neither a training run nor explanation shards"),
    (["pack", "nowhere", "out"], "nowhere has no explanation shards"),
    (["clear-stale-runs"], "no Prefect server is configured"),
]


@pytest.mark.slow
def test_each_mistake_is_told_before_anything_slow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "NO_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(folder / "home"))
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cases = [*CASES]
    if not Path("/dev/nvidiactl").exists():
        cases.append((["train", "no-gpu-settings.yaml", "--out", "run"], "device=cuda: the driver finds no GPU"))
    asked = json.dumps([[arguments for arguments, _ in cases], HEAVY])
    command = [sys.executable, "-c", _FORKS]
    done = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for (arguments, message), line in zip(cases, done.stdout.splitlines(), strict=True):
        code, said, heavy = json.loads(line)
        assert (code, heavy) == (2, []), (arguments, said)
        assert said.startswith("error: ") and message in said, (arguments, said)
        assert "Traceback" not in said
