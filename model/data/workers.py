"""Starts and ends the worker processes that load data.

They are processes, not threads: image libraries release the GIL, but the code between their calls does not and would
block the training loop (docs/performance.md, "Data loading"). Workers are forked from a clean server process, since
forking this process would break its threads (CUDA's, Prefect's).
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
    """Return `wanted` or, if it is None, this process's share of the usable cores, between 1 and MAX_WORKERS."""
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_WORKERS, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def start_fork_server() -> None:
    """Start the server process that forks the workers; it imports what they need in the background.

    A `model.py` in the working directory does not shadow this package in that process.
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
    """Yield the connection to pass to `begin_worker`; workers exit when the with block or this process ends.

    Workers ignore SIGTERM; without the connection, Python would wait for them forever at exit.
    """
    lifeline, held = multiprocessing.Pipe(duplex=False)
    close = multiprocessing.util.Finalize(None, held.close, exitpriority=10)  # before Python waits for its children
    try:
        yield lifeline
    finally:
        close()


def begin_worker(lifeline: Connection, _: int) -> None:
    """Set up a worker process to use one torch thread and to exit only when its lifeline closes.

    Ctrl-C is left to the training process, which ends its workers. torch's watchdog would not end them: it watches the
    parent process, which is the fork server and lives as long as its workers.
    """
    threading.Thread(target=_end_with, args=(lifeline,), name="lifeline", daemon=True).start()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # avoids a warning about forks
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end_with(lifeline: Connection) -> None:
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()  # nothing is ever sent
    os._exit(1)
