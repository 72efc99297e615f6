"""The processes that load data ahead of the training loop: where they come from, and how they end.

Processes and not threads: image libraries let go of Python's lock, but what lies between their calls does not,
and the training loop, which is Python too, then waits for it (docs/performance.md, "Data loading"). They are forked
from a clean server process and not from this one, whose threads (a GPU's, Prefect's) a fork would cut off in mid-air.
"""

import multiprocessing.forkserver
import multiprocessing.util
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import torch

MAX_WORKERS = 16


def count_workers(wanted: int | None) -> int:
    """`wanted`, or one worker for each core that this process may use, shared with the other processes of a run."""
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_WORKERS, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def start_fork_server() -> None:
    """Start the process that workers are forked from; it imports in the background what they need.

    A `model.py` in the working directory is not taken for this package.
    """
    multiprocessing.set_forkserver_preload(["model.data.dataset"])
    path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    with _environment(PYTHONSAFEPATH="1", PYTHONPATH=os.pathsep.join(filter(None, path))):
        multiprocessing.forkserver.ensure_running()


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def worker_lifeline() -> Iterator[Connection]:
    """What `begin_worker` needs: workers that are left at the end, or when this process ends, end at once.

    They ignore the SIGTERM that torch and Python send them, so Python would wait for them at its exit in vain.
    """
    lifeline, held = multiprocessing.Pipe(duplex=False)
    let_go = multiprocessing.util.Finalize(None, held.close, exitpriority=10)  # before Python waits for its children
    try:
        yield lifeline
    finally:
        let_go()


def begin_worker(lifeline: Connection, _: int) -> None:
    """Make this process a worker: one thread, and ended by its lifeline alone.

    An interrupt is for the training process, which ends its workers itself, or by its own end. torch's own watch is on
    the fork server, which lives as long as its workers do.
    """
    threading.Thread(target=_end_with, args=(lifeline,), name="lifeline", daemon=True).start()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # else it warns of the fork
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end_with(lifeline: Connection) -> None:
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()  # nothing is ever sent
    os._exit(1)
