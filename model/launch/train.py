"""Training in several processes: what starts them on this machine and follows them, and what each of them runs.

    torchrun --nproc-per-node 2 -m model.launch SETTINGS --out RUN [--set KEY=VALUE] [--overwrite]

is what each runs; on several nodes the same with torchrun's --nnodes and --rdzv-endpoint. What became of it goes to
stderr; with `--report FOLDER` (see `model.launch.torchrun`) it goes to a file of each process.
"""

import argparse
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from model.distributed.device import device_of_process
from model.distributed.local import LocalGroup
from model.errors import ProcessError
from model.launch.torchrun import Ends, start_torchrun
from model.launch.worker import one_of_several, processes_of_torchrun
from model.settings.load import load_settings
from model.settings.schema import TrainSettings
from model.tracking.run_log import METRICS_LOG
from model.training.loop import OnStep, TrainResult, train
from model.training.run_dir import RECORD, check_run_dir
from model.training.stop_signal import Stopped, StopSignal

_LOOK_SECONDS = 0.5
_TIME_TO_SAVE = 300  # seconds from a signal to SIGKILL: a step, and writing the state
_TAIL_BYTES = 1 << 16


def train_in_processes(
    settings: TrainSettings, out: Path, count: int, on_step: OnStep | None = None, *, overwrite: bool = False
) -> TrainResult:
    """As `model.training.loop.train`, in `count` processes: same batches, same negatives, gradients equal to rounding.

    Raises what `train` raises, and ProcessError if a process dies or fails; the others are ended then.
    """
    if count == 1:
        return train(settings, out, on_step, overwrite=overwrite)
    everyone = LocalGroup()
    everyone.count = count
    everyone.check(settings.optim.batch_size)
    device = device_of_process(settings.device, 0, count)
    check_run_dir(out, overwrite)
    with tempfile.TemporaryDirectory() as folder, StopSignal() as stop:
        report = Path(folder)
        (report / "settings.yaml").write_text(yaml.safe_dump(settings.as_plain()), encoding="utf-8")
        arguments = [str(report / "settings.yaml"), "--out", str(out), *(["--overwrite"] if overwrite else [])]
        how: dict[str, Any] = {"count": count, "threads": settings.threads, "shutdown_seconds": _TIME_TO_SAVE}
        watch, told = _Steps(out / METRICS_LOG), False
        with start_torchrun(report, "model.launch", arguments, **how) as process:
            while process.returncode is None:
                try:
                    process.wait(_LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    if stop.asked is not None and not told:
                        told = True
                        process.send_signal(signal.SIGTERM)
                if on_step is not None:
                    for step, steps, losses in watch.new():
                        on_step(step, steps, losses)
        ends = Ends(report, count, process.returncode)
    if ends.well:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        names = ("steps", "best_step", "best_mean_recall", "seconds", "samples_per_second")
        return TrainResult(out=out, **{name: record[name] for name in names})
    if (said := ends.stopped()) is not None:
        stop.hand_over()
        raise Stopped(said)
    ends.raise_mistake()
    raise ProcessError(
        f"a run of {count} processes on {device.type} failed:\n  {ends.in_words()}"
        f"\nits saved states are in {out}; the same command goes on from the last one"
    )


def main(arguments: list[str] | None = None) -> int:
    """Train as one process of several; the exit code is 0, 1, or 2 for something in the user's hands."""
    parser = argparse.ArgumentParser(prog="python -m model.launch", description="Train, as one process of torchrun's.")
    parser.add_argument("settings", type=Path, help="YAML file of training settings")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and record")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting (repeatable)")
    parser.add_argument("--overwrite", action="store_true", help="begin anew, whatever run is in that folder")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)

    def work() -> None:
        settings = load_settings(given.settings, given.set)
        with processes_of_torchrun(settings.device) as processes:
            train(settings, given.out, overwrite=given.overwrite, processes=processes)

    return one_of_several(work, given.report)


class _Steps:
    """New steps in a run's log, which another process writes."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._size = log.stat().st_size if log.exists() else 0
        self._last = 0

    def new(self) -> list[tuple[int, int, dict[str, float]]]:
        """Steps since the last call, of how many, and their losses; the latest of them if there are very many."""
        if not self._log.exists() or self._log.stat().st_size == self._size:
            return []
        with self._log.open("rb") as file:
            self._size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, self._size - _TAIL_BYTES))
            lines = file.read().splitlines(keepends=True)[1 if start else 0 :]
        found = [json.loads(line) for line in lines if line.endswith(b"\n")]
        steps = [(line["step"], line["of"], line["losses"]) for line in found if line["kind"] == "step"]
        new = [one for one in steps if one[0] > self._last]
        if new:
            self._last = new[-1][0]
        return new
