"""Training in several real processes (torchrun, gloo): the weights of one, and what happens when a process dies."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from model.errors import ModelError, ProcessError
from model.launch.train import train_in_processes
from model.tracking.run_log import read_log
from model.training.loop import train
from model.training.stop_signal import Stopped
from tests.model.training.test_loop import changed


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoint" / "model.safetensors")


def steps(run: Path) -> dict[int, dict[str, float]]:
    return {line["step"]: line["losses"] for line in read_log(run) if line["kind"] == "step"}


def workers() -> dict[int, psutil.Process]:
    """The processes that train, by rank."""
    found = psutil.Process().children(recursive=True)
    return {int(p.environ()["RANK"]): p for p in found if "model.launch" in p.cmdline() and "RANK" in p.environ()}


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(settings, tmp_path):
    splits = settings.data.splits.model_copy(update={"val": None})  # the last weights are kept
    settings = changed(settings, optim={"steps": 20, "lr": 1e-3, "new_lr": 1e-3}, data={"splits": splits})
    seen = []
    one = train(settings, tmp_path / "one")
    in_pieces = changed(settings, optim={"micro_batch_size": 3})
    two = train_in_processes(in_pieces, tmp_path / "two", 2, lambda step, _, losses: seen.append((step, losses)))
    assert (one.steps, one.best_step) == (two.steps, two.best_step) == (20, 20)
    assert steps(tmp_path / "two")[20] == seen[-1][1] and seen[-1][0] == 20
    for step, losses in steps(tmp_path / "one").items():
        assert steps(tmp_path / "two")[step] == pytest.approx(losses, rel=1e-4, abs=1e-5)
    ours, theirs = weights(tmp_path / "two"), weights(tmp_path / "one")
    for name, of_one in theirs.items():
        of_two = ours[name]
        if name.endswith("in_proj_bias"):  # of keys: no output depends on it, its gradient is rounding and nothing else
            of_one, of_two = (torch.cat([bias.chunk(3, dim=-1)[part] for part in (0, 2)]) for bias in (of_one, of_two))
        # Sums in another order change the last bits of gradients, and Adam's steps are about lr however small those are
        torch.testing.assert_close(of_two, of_one, rtol=0, atol=0.02 * settings.optim.lr, msg=name)
    record = json.loads((tmp_path / "two" / "train.json").read_text())
    assert record["processes"] == 2 and record["data"]["train"]["rows"] == 40


@pytest.fixture
def long(settings):
    optim = {"steps": 80, "micro_batch_size": 3}
    return changed(settings, optim=optim, evaluation={"every": 40}, checkpoint={"every": 5, "minutes": None})


@pytest.mark.slow
def test_a_process_that_dies_takes_the_run_down_and_the_next_goes_on(long, tmp_path):
    train_in_processes(long, tmp_path / "whole", 2)
    killed = []

    def kill_the_second(step: int, steps: int, losses: dict[str, float]) -> None:
        if step > 5 and not killed:
            killed.append(step)
            workers()[1].kill()

    with pytest.raises(ProcessError, match=r"2 processes on cpu failed:\n  process 1 was killed by SIGKILL\n") as error:
        train_in_processes(long, tmp_path / "run", 2, kill_the_second)
    assert "run the same command again" in str(error.value) and not workers()
    assert not (tmp_path / "run" / "train.json").exists()
    reached = max(steps(tmp_path / "run"))
    assert killed and 5 < reached < 80
    assert list((tmp_path / "run" / "state").iterdir())

    train_in_processes(long, tmp_path / "run", 2)  # a resumed run of two is, to the bit, an uninterrupted run of two
    assert steps(tmp_path / "run") == steps(tmp_path / "whole")
    resumed, whole = weights(tmp_path / "run"), weights(tmp_path / "whole")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


@pytest.mark.slow
def test_a_run_that_is_asked_to_stop_saves_and_one_process_can_go_on(long, tmp_path):
    asked = []

    def ask(step: int, steps: int, losses: dict[str, float]) -> None:
        if not asked:
            asked.append(step)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped, match=r"SIGTERM: stopped after step .* of 80; the state is saved") as stop:
        train_in_processes(long, tmp_path / "run", 2, ask)
    at = int(str(stop.value).split("after step ")[1].split()[0])
    assert asked[0] <= at < 80 and not workers()
    assert f"step-{at:08d}" in [folder.name for folder in (tmp_path / "run" / "state").iterdir()]
    result = train(long, tmp_path / "run")  # the settings are the same mathematics whatever the processes
    assert result.steps == 80 and sorted(steps(tmp_path / "run")) == list(range(1, 81))


def test_more_processes_than_pairs(settings, tmp_path):
    with pytest.raises(ModelError, match=r"optim.batch_size=8 must be at least the number of processes, 9"):
        train_in_processes(settings, tmp_path / "run", 9)


@pytest.mark.slow
def test_a_mistake_that_the_processes_find_is_said_once_and_plainly(settings, tmp_path):
    with pytest.raises(
        ModelError,
        match=r"^the training split has 40 usable rows, fewer than optim.batch_size=41; add [a-z, ]*optim.batch_size$",
    ):
        train_in_processes(changed(settings, optim={"batch_size": 41}), tmp_path / "run", 2)
