"""Random generators go on after a resume, and the caller's are left as they were."""

import multiprocessing
import random
import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from model.settings.schema import TrainSettings
from model.training.loop import train
from model.training.stop_signal import Stopped

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def stopping(step: int, draws: list[float]):
    """Draw from every generator after each step; ask to stop after one of them."""

    def on_step(now: int, steps: int, losses: dict[str, float]) -> None:
        draws.append((now, torch.rand(1).item(), random.random(), np.random.rand()))
        if now == step:
            signal.raise_signal(signal.SIGTERM)

    return on_step


@pytest.mark.slow
def test_generators_of_every_kind_go_on_and_the_callers_stay(settings, tmp_path, capfd):
    """In a process of its own: threads that earlier tests have left draw from Python's generator."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        alone.submit(_train_in_two_parts, settings, tmp_path).result()
    assert "resumed from step 4 of 6" in capfd.readouterr().err


def _train_in_two_parts(settings: TrainSettings, folder: Path) -> None:
    whole, parts = [], []
    train(settings, folder / "whole", on_step=stopping(0, whole))
    handler = signal.getsignal(signal.SIGTERM)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(
        Stopped, match=r"SIGTERM: stopped after step 4 of 6; the state is saved in .*run the same command again"
    ):
        train(settings, folder / "parts", on_step=stopping(4, parts))
    assert signal.getsignal(signal.SIGTERM) is handler
    random.seed(99)
    torch.manual_seed(99)
    torch.set_rng_state(before[0])
    random.setstate(before[1])
    train(settings, folder / "parts", on_step=stopping(0, parts))
    assert parts == whole and len(whole) == 6
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(after[0], before[0]) and after[1:] == before[1:]
