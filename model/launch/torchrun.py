"""Runs torchrun on this machine, in its own session, and reads the outcomes of its processes.

This file is also the program that `start_torchrun` starts: `-m model.launch.torchrun FOLDER ARGUMENTS` runs torchrun
without its error report. Each process writes its outcome to FOLDER/RANK.json (`model.launch.worker`). The exit
codes, by rank, are written to FOLDER/torchrun.json; code -N means that signal N ended the process.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from entityclip.contract.atomic_files import write_json
from model.errors import ModelError

FINISHED, STOPPED, MODEL_ERROR, FAILED = "finished", "stopped", "model error", "failed"
_CODES = "torchrun.json"


@contextmanager
def start_torchrun(
    report: Path, module: str, arguments: Sequence[str], *, count: int, threads: int | None, shutdown_seconds: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start `count` processes of `module`, which write their outcomes into the folder `report`.

    The processes do not receive Ctrl-C, and end when this process dies or leaves the block. After SIGTERM, each has
    `shutdown_seconds` to exit. A `model.py` in the working directory does not shadow this package.
    """
    torchrun = ["--standalone", f"--nproc-per-node={count}", f"--shutdown-timeout={shutdown_seconds}"]
    program = ["-m", module, *arguments, "--report", str(report)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads or max(1, (os.cpu_count() or 1) // count))}
    path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))  # an empty entry would mean the working directory
    environment["PYTHONSAFEPATH"] = "1"  # `-P` would not reach the processes that torchrun starts
    process = subprocess.Popen(
        [sys.executable, "-m", "model.launch.torchrun", str(report), *torchrun, *program],
        env=environment,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


class Outcomes:
    """Outcomes of a run's processes, read from their reports after torchrun has ended."""

    def __init__(self, report: Path, count: int, returncode: int) -> None:
        self._by_rank = {rank: _read(report / f"{rank}.json") for rank in range(count)}
        self._codes: dict[str, int] = _read(report / _CODES)
        self.succeeded = returncode == 0 and self._by_rank[0].get("outcome") == FINISHED

    def stop_message(self) -> str | None:
        """Return the first process's message if the run was stopped on request, else None."""
        first = self._by_rank[0]
        return first["message"] if first.get("outcome") == STOPPED else None

    def raise_model_error(self) -> None:
        """Raise a ModelError with the message of a process that ended with a ModelError, if any did."""
        for end in self._by_rank.values():
            if end.get("outcome") == MODEL_ERROR:
                raise ModelError(end["message"].removeprefix("error: "))

    def summary(self) -> str:
        """Describe the outcomes. Processes that died without a report come first, as they caused the others to stop."""
        died, others = [], []
        for rank, end in self._by_rank.items():
            code = self._codes.get(str(rank), 0)
            if end:
                others.append(f"process {rank}: {end['message'] or end['outcome']}")
            elif code in (0, -signal.SIGTERM):
                others.append(f"process {rank} was stopped with the others")
            else:
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
                died.append(f"process {rank} {how}")
        return "\n  ".join([*died, *others])


def main() -> int:
    """Run torchrun, which is imported only here; return 0 if all processes succeeded, else 1."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    report, *arguments = sys.argv[1:]
    try:
        run(parse_args(arguments))
    except ChildFailedError as error:
        write_json(Path(report) / _CODES, {str(rank): failure.exitcode for rank, failure in error.failures.items()})
        return 1
    except SignalException:  # forwarded to the processes, which have ended by now
        return 1
    return 0


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
