"""Training in real processes that a signal meets at a chosen moment of their work."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from matplotlib.figure import Figure

from model.settings.schema import TrainSettings
from model.tracking import learning_curves
from model.training.loop import train
from model.training.stop_signal import Stopped

# Processes are forked from one that has imported everything, also what a training imports late, and has done nothing.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.killable_training", "torch._dynamo", "model.tracking.tensorboard"])


def count_moments(settings: TrainSettings, out: Path) -> list[str]:
    """Train without interruption; what every moment of it was, in order."""
    names = out.with_name(f"{out.name}-moments.txt")
    assert run(settings, out, names=names) == 0
    return names.read_text(encoding="utf-8").splitlines()


def run(
    settings: TrainSettings,
    out: Path,
    *,
    signal_at: int | None = None,
    number: signal.Signals = signal.SIGKILL,
    names: Path | None = None,
) -> int:
    """Train in a process of its own, which gets a signal at a moment (from 0) if one is given; returns its exit code.

    As the command does, it exits with 0 where the run stopped and with 130 where it was interrupted.
    """
    process = _FORKS.Process(target=_train, args=(settings.model_dump(), out, signal_at, number, names))
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


def _train(
    settings: dict[str, Any], out: Path, signal_at: int | None, number: signal.Signals, names: Path | None
) -> None:
    seen: list[str] = []

    def moment(name: str) -> None:
        seen.append(name)
        if len(seen) - 1 == signal_at:
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    _announce(out, moment)
    # an empty picture is written as a full one, and drawn in no time
    empty = mock.patch.object(learning_curves, "learning_curves", lambda history, title: Figure(figsize=(1, 1)))
    try:
        with empty:
            train(TrainSettings.model_validate(settings), out, on_step=lambda step, *_: moment(f"after step {step}"))
    except Stopped:
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    if names is not None:
        names.write_text("\n".join(seen) + "\n", encoding="utf-8")


def _announce(out: Path, moment: Callable[[str], None]) -> None:
    """Call `moment` before every change of a file of the run, and before every batch of a validation.

    TensorBoard's files do not count: a thread writes them when it likes.
    """
    events = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in events and isinstance(arguments[0], str | Path):
            path = Path(arguments[0])
            if path.is_relative_to(out) and not path.is_relative_to(out / "tensorboard"):
                moment(f"{event} {path.relative_to(out)}")

    def before_forward(module: torch.nn.Module, _: Any) -> None:
        if type(module).__name__ == "VisionTransformer" and not module.training:
            moment("validation")

    sys.addaudithook(audit)
    torch.nn.modules.module.register_module_forward_pre_hook(before_forward)
