"""Training in several processes: the launcher on this machine, and the entry point of each process.

    torchrun --nproc-per-node 2 -m model.launch SETTINGS --out RUN [--set KEY=VALUE] [--overwrite]

For several nodes, add torchrun's --nnodes and --rdzv-endpoint. The outcome is printed to stderr or, with
`--report FOLDER` (see `model.launch.torchrun`), written to one file per process.
"""

import argparse
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from model import record_shapes
from model.distributed.device import device_of_process
from model.distributed.local import LocalGroup
from model.errors import ProcessError
from model.launch.torchrun import Outcomes, start_torchrun
from model.launch.worker import run_process, torchrun_group
from model.run_files import METRICS_LOG, RECORD, check_run_dir, read_record
from model.runs import last_steps
from model.settings.load import load_settings
from model.settings.schema import TrainSettings
from model.training.loop import OnStep, TrainResult, train
from model.training.stop_signal import Stopped, StopSignal

_POLL_SECONDS = 0.5
_SHUTDOWN_SECONDS = 300  # from SIGTERM to SIGKILL: time to finish a step and save the state


def train_in_processes(
    settings: TrainSettings, out: Path, count: int, on_step: OnStep | None = None, *, overwrite: bool = False
) -> TrainResult:
    """Train like `train`, but in `count` processes; batches, negatives and, up to rounding, gradients are the same.

    Raises the same errors as `train`. If a process dies or fails, ends the other processes and raises ProcessError.
    """
    if count == 1:
        return train(settings, out, on_step, overwrite=overwrite)
    group = LocalGroup()
    group.count = count
    group.check(settings.optim.batch_size)
    device = device_of_process(settings.device, 0, count)
    check_run_dir(out, overwrite)
    with tempfile.TemporaryDirectory() as folder, StopSignal() as stop:
        report = Path(folder)
        (report / "settings.yaml").write_text(yaml.safe_dump(settings.as_plain()), encoding="utf-8")
        arguments = [str(report / "settings.yaml"), "--out", str(out), *(["--overwrite"] if overwrite else [])]
        how: dict[str, Any] = {"count": count, "threads": settings.threads, "shutdown_seconds": _SHUTDOWN_SECONDS}
        log, is_stopping = _StepLog(out / METRICS_LOG), False
        with start_torchrun(report, "model.launch", arguments, **how) as process:
            while process.returncode is None:
                try:
                    process.wait(_POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    if stop.asked is not None and not is_stopping:
                        is_stopping = True
                        process.send_signal(signal.SIGTERM)
                if on_step is not None:
                    for step, steps, losses in log.new_steps():
                        on_step(step, steps, losses)
        outcomes = Outcomes(report, count, process.returncode)
    if outcomes.succeeded:
        record = read_record(out / RECORD, None, "run the same command with --overwrite", record_shapes.RECORD)
        names = ("steps", "best_step", "best_mean_recall", "seconds", "samples_per_second")
        return TrainResult(out=out, **{name: record[name] for name in names})
    if (message := outcomes.stop_message()) is not None:
        stop.hand_over()
        raise Stopped(message)
    outcomes.raise_model_error()
    raise ProcessError(
        f"training in {count} processes on {device.type} failed:\n  {outcomes.summary()}"
        f"\nthe saved states are in {out}; run the same command again to resume from the last one"
    )


def main(arguments: list[str] | None = None) -> int:
    """Train as one of several processes; return exit code 0 (success), 1 (failure) or 2 (user error)."""
    parser = argparse.ArgumentParser(prog="python -m model.launch", description="Train as one of several processes.")
    parser.add_argument("settings", type=Path, help="YAML file of training settings")
    parser.add_argument("--out", type=Path, required=True, help="run folder, for checkpoint, log and record")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting (repeatable)")
    parser.add_argument("--overwrite", action="store_true", help="start over, replacing any run in that folder")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)

    def work() -> None:
        settings = load_settings(given.settings, given.set)
        with torchrun_group(settings.device) as processes:
            train(settings, given.out, overwrite=given.overwrite, processes=processes)

    return run_process(work, given.report)


class _StepLog:
    """Reads new steps from a run's log while another process writes it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._size = log.stat().st_size if log.exists() else 0
        self._last = 0

    def new_steps(self) -> list[tuple[int, int, dict[str, float]]]:
        """Return (step, total steps, losses) of steps since the last call, but only the latest if there are many."""
        if not self._log.exists() or self._log.stat().st_size == self._size:
            return []
        self._size = self._log.stat().st_size
        steps = [(line["step"], line["of"], line["losses"]) for line in last_steps(self._log)]
        new = [one for one in steps if one[0] > self._last]
        if new:
            self._last = new[-1][0]
        return new
