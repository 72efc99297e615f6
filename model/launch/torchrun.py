"""torchrun on this machine: starts it in a session of its own, and reads what became of its processes.

What it starts is this file as a program, `-m model.launch.torchrun FOLDER ARGUMENTS`: torchrun without its own report
where a process fails. In FOLDER each process writes how it ended (`model.launch.worker`), RANK.json, and torchrun the
exit codes by rank, torchrun.json; negative ones are the signal that ended a process.
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

FINISHED, STOPPED, MISTAKE, FAILED = "finished", "stopped", "mistake", "failed"
_CODES = "torchrun.json"


@contextmanager
def start_torchrun(
    report: Path, module: str, arguments: Sequence[str], *, count: int, threads: int | None, shutdown_seconds: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start `count` processes of `module`, which write how they ended into the folder `report`.

    Ctrl-C reaches them through us alone, and they end if we die or leave the block. A process that is told to end has
    `shutdown_seconds`. A `model.py` in the working directory is not taken for this package.
    """
    torchrun = ["--standalone", f"--nproc-per-node={count}", f"--shutdown-timeout={shutdown_seconds}"]
    program = ["-m", module, *arguments, "--report", str(report)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads or max(1, (os.cpu_count() or 1) // count))}
    path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))  # an empty entry is the working directory
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


class Ends:
    """How the processes of a run ended, read from their reports after torchrun's own end."""

    def __init__(self, report: Path, count: int, returncode: int) -> None:
        self._by_rank = {rank: _read(report / f"{rank}.json") for rank in range(count)}
        self._codes: dict[str, int] = _read(report / _CODES) or {}
        self.well = returncode == 0 and (self._by_rank[0] or {}).get("what") == FINISHED

    def stopped(self) -> str | None:
        """What the first process said of a stop that was asked for."""
        first = self._by_rank[0] or {}
        return first["said"] if first.get("what") == STOPPED else None

    def raise_mistake(self) -> None:
        """Raise the ModelError of a process that ended with one."""
        for end in self._by_rank.values():
            if end is not None and end["what"] == MISTAKE:
                raise ModelError(end["said"].removeprefix("error: "))

    def in_words(self) -> str:
        """First the processes that died without a word, since the others lost contact or were ended by torchrun."""
        died, others = [], []
        for rank, end in self._by_rank.items():
            code = self._codes.get(str(rank), 0)
            if end is not None:
                others.append(f"process {rank}: {end['said'] or end['what']}")
            elif code in (0, -signal.SIGTERM):
                others.append(f"process {rank} was ended with the others")
            else:
                by = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
                died.append(f"process {rank} was ended {by}")
        return "\n  ".join([*died, *others])


def main() -> int:
    """Be torchrun, which is imported here alone; 0 if all processes ended well."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    report, *arguments = sys.argv[1:]
    try:
        run(parse_args(arguments))
    except ChildFailedError as error:
        write_json(Path(report) / _CODES, {str(rank): failure.exitcode for rank, failure in error.failures.items()})
        return 1
    except SignalException:  # handed on to the processes, which have ended by now
        return 1
    return 0


def _end_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
