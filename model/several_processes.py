"""Training in several processes of this machine: starts torchrun, follows it, and says what became of it."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from model.device import device_of_process
from model.errors import ModelError, ProcessError
from model.launch import FINISHED, MISTAKE, STOPPED
from model.one_process import OneProcess
from model.run_folder import RECORD, refuse_to_lose
from model.run_log import METRICS_LOG
from model.settings import TrainSettings
from model.stop_signal import Stopped, StopSignal
from model.training import OnStep, TrainResult, train

_LOOK_SECONDS = 0.5
_TIME_TO_SAVE = 300  # seconds from a signal to SIGKILL: a step, and writing the state
_TAIL_BYTES = 1 << 16


def train_in_processes(
    settings: TrainSettings, out: Path, count: int, on_step: OnStep | None = None, *, overwrite: bool = False
) -> TrainResult:
    """As `model.training.train`, in `count` processes: same batches, same negatives, gradients equal to rounding.

    Raises what `train` raises, and ProcessError if a process dies or fails; the others are ended then.
    """
    if count == 1:
        return train(settings, out, on_step, overwrite=overwrite)
    everyone = OneProcess()
    everyone.count = count
    everyone.check(settings.optim.batch_size)
    device = device_of_process(settings.device, 0, count)
    refuse_to_lose(out, overwrite)
    with tempfile.TemporaryDirectory() as folder, StopSignal() as stop:
        report = Path(folder)
        (report / "settings.yaml").write_text(yaml.safe_dump(settings.as_plain()), encoding="utf-8")
        process = _started(report, out, count, settings.threads, overwrite=overwrite)
        watch, told = _Steps(out / METRICS_LOG), False
        while True:
            try:
                process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if stop.asked is not None and not told:
                    told = True
                    process.send_signal(signal.SIGTERM)
            if on_step is not None:
                for step, steps, losses in watch.new():
                    on_step(step, steps, losses)
            if process.returncode is not None:
                break
        ends = {rank: _read(report / f"{rank}.json") for rank in range(count)}
        codes = _read(report / "torchrun.json") or {}
    if process.returncode == 0 and (ends[0] or {}).get("what") == FINISHED:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        names = ("steps", "best_step", "best_mean_recall", "seconds", "samples_per_second")
        return TrainResult(out=out, **{name: record[name] for name in names})
    if (ends[0] or {}).get("what") == STOPPED:
        stop.hand_over()
        raise Stopped(ends[0]["said"])
    for end in ends.values():
        if end is not None and end["what"] == MISTAKE:
            raise ModelError(end["said"].removeprefix("error: "))
    raise ProcessError(_what_happened(ends, codes, out, f"{count} processes on {device.type}"))


def _started(report: Path, out: Path, count: int, threads: int | None, *, overwrite: bool) -> "subprocess.Popen[bytes]":
    """torchrun in a session of its own: Ctrl-C reaches it through us, and it ends if we die."""
    torchrun = ["--standalone", f"--nproc-per-node={count}", f"--shutdown-timeout={_TIME_TO_SAVE}"]
    program = ["-m", "model.launch", str(report / "settings.yaml"), "--out", str(out), "--report", str(report)]
    program += ["--overwrite"] if overwrite else []
    environment = os.environ | {"OMP_NUM_THREADS": str(threads or max(1, (os.cpu_count() or 1) // count))}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "model.torchrun", str(report / "torchrun.json"), *torchrun, *program],
        env=environment,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _end_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _what_happened(ends: dict[int, Any], codes: dict[str, int], out: Path, what: str) -> str:
    """In words: first the processes that died without any, since the others lost contact or were ended by torchrun."""
    died, others = [], []
    for rank, end in ends.items():
        code = codes.get(str(rank), 0)
        if end is not None:
            others.append(f"process {rank}: {end['said'] or end['what']}")
        elif code in (0, -signal.SIGTERM):
            others.append(f"process {rank} was ended with the others")
        else:
            by = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            died.append(f"process {rank} was ended {by}")
    return "\n  ".join([f"a run of {what} failed:", *died, *others]) + (
        f"\nits saved states are in {out}; the same command goes on from the last one"
    )


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


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
