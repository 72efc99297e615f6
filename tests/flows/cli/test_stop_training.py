"""Training that is asked to stop, as people and workers meet it: real processes, real signals, a real server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from prefect.settings import PREFECT_API_URL

from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip
from tests.support.prefect_lab import ROOT, PrefectLab, wait_for

MANY = 1_000_000


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of a run that would take hours."""
    folder = tmp_path_factory.mktemp("stop")
    write_dataset(folder, {"train": 8, "val": 4})
    settings = {
        "towers": {"model": f"local-dir:{make_tiny_clip(folder / 'clip')}"},
        "method": {"image_experts": 1, "shared_experts": 1, "text_experts": 1},
        "data": {"explanations": str(folder / "explanations")},
        "optim": {"steps": MANY, "batch_size": 4},
        "evaluation": {"every": MANY},
        "threads": 1,
        "device": "cpu",
    }
    path = folder / "train.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def _steps(run: Path) -> list[int]:
    """The steps in a run's log, also while it grows."""
    log = run / "metrics.jsonl"
    if not log.exists():
        return []
    lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [line["step"] for line in lines if line["kind"] == "step"]


def _saved(run: Path) -> int:
    """The step of the newest state."""
    return max(int(path.name.removeprefix("step-")) for path in (run / "state").iterdir())


@pytest.mark.slow
def test_sigterm_exits_with_0_and_ctrl_c_with_130_both_with_the_state_saved(
    config: Path, prefect_server: None, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "flows.cli", "train", str(config), "--out", str(run)]
    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value() or "", "PYTHONPATH": str(ROOT)}
    reached = 0
    for number, code, word in (
        (signal.SIGTERM, 0, "SIGTERM: stopped after step {} of 1000000; the state is saved in"),
        (signal.SIGINT, 130, "interrupted: finished work is kept; run the same command to continue"),
    ):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            wait_for(lambda least=reached + 20: _steps(run)[-1:] > [least])
            process.send_signal(number)
            _, said = process.communicate()
        finally:
            process.kill()
        assert process.returncode == code, said
        assert word.format(_saved(run)) in said and "Traceback" not in said
        assert (f"resumed from step {reached} of {MANY}" in said) == (reached > 0)
        assert _steps(run) == list(range(1, _saved(run) + 1)), "every step once, and all of them saved"
        reached = _saved(run)


@pytest.mark.slow
def test_several_processes_go_down_with_one_and_go_on_together(
    config: Path, prefect_server: None, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "flows.cli", "train", str(config), "--out", str(run), "--nproc", "2"]
    command += ["--set", "checkpoint.every=10"]
    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value() or "", "PYTHONPATH": str(ROOT)}
    reached = 0
    for code, word in (
        (1, "error: training in 2 processes on cpu failed:\n  process 1 was killed by SIGKILL\n"),
        (0, "SIGTERM: stopped after step {} of 1000000; the state is saved in"),
    ):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            wait_for(lambda least=reached + 20: _steps(run)[-1:] > [least])
            if code:
                _training_process(process.pid, rank=1).kill()
            else:
                process.send_signal(signal.SIGTERM)
            _, said = process.communicate()
        finally:
            process.kill()
        assert process.returncode == code, said
        assert word.format(_saved(run)) in said and "Traceback" not in said
        assert (f"resumed from step {reached} of {MANY}" in said) == (reached > 0)
        reached = _saved(run)
        assert reached > 0


def _training_process(command: int, rank: int) -> psutil.Process:
    """One of the processes that train for a command."""
    below = psutil.Process(command).children(recursive=True)
    (found,) = [p for p in below if "model.launch" in p.cmdline() and p.environ().get("RANK") == str(rank)]
    return found


@pytest.fixture
def lab(tmp_path: Path, config: Path) -> Iterator[PrefectLab]:
    with PrefectLab(tmp_path) as running:
        content = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
        name = "train.py:train_entityclip"
        (one,) = [d for d in content["deployments"] if d["entrypoint"].endswith(name) and d["name"] == "heraldry"]
        run = tmp_path / "run"
        one |= {"parameters": {"config": str(config), "run": str(run)}, "work_pool": {"name": "lab"}}
        content["deployments"] = [one]
        file = tmp_path / "prefect.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        running.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(file))
        yield running


@pytest.mark.slow
def test_a_cancelled_flow_ends_as_cancelled_with_the_state_saved(lab: PrefectLab, tmp_path: Path) -> None:
    run = tmp_path / "run"
    worker = lab.worker("trainer", limit=1)
    first = lab.run("train-entityclip/heraldry")
    wait_for(lambda: len(_steps(run)) > 20)
    lab.prefect("flow-run", "cancel", str(first))
    assert lab.ended(first)["type"] == "CANCELLED"
    saved = wait_for(lambda: (run / "state").is_dir() and _saved(run))
    assert _steps(run) == list(range(1, saved + 1))

    second: Any = lab.run("train-entityclip/heraldry")
    wait_for(lambda: _steps(run)[-1] > saved + 20)
    assert f"resumed from step {saved} of {MANY}" in (tmp_path / "trainer.log").read_text()
    assert lab.state(second)["type"] == "RUNNING"
    lab.prefect("flow-run", "cancel", str(second))
    assert lab.ended(second)["type"] == "CANCELLED"
    lab.kill(worker)
