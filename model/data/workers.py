"""Loading ahead of the training loop: chunks of rows go to worker processes, and come back in their order.

Processes and not threads: image libraries let go of Python's lock, but what lies between their calls does not,
and the training loop, which is Python too, then waits for it (docs/performance.md, "Data loading"). They are forked
from a clean server process and not from this one, whose threads (a GPU's, Prefect's) a fork would cut off in mid-air.
"""

import multiprocessing.forkserver
import multiprocessing.util
import os
import queue
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader

from model.errors import ModelError
from model.worker_process import end_with_parent

Item = TypeVar("Item")
MAX_WORKERS = 16


def workers_here(wanted: int | None) -> int:
    """`wanted`, or one worker for each core that this process may use, shared with the other processes of a run."""
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_WORKERS, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def loaded_by_workers(
    loader: Any, requests: Iterator[Any], *, workers: int, ahead: int, pin: bool = False
) -> Iterator[Any]:
    """`loader[request]` of each request, in their order, made by `workers` processes (0: by this one).

    About `ahead` requests are under way at a time, at least two a worker. With `pin`, tensors come in pinned memory.
    Raises ModelError if a worker dies, and what `loader` raises.
    """
    how: dict[str, Any] = {}
    if workers:
        begin_server()
        how = {"multiprocessing_context": "forkserver", "worker_init_fn": _begin_worker}
        how["prefetch_factor"] = max(2, -(-ahead // workers))
    data = DataLoader(
        loader,
        sampler=requests,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        pin_memory=pin,
        generator=torch.Generator(),  # else it draws from the global one, and a resumed run would differ
        **how,
    )
    results: Any = iter(data)
    processes = results._workers if workers else []
    # an iterator that is still held when the program ends, as by an error's traceback, would be waited for in vain
    at_exit = multiprocessing.util.Finalize(None, _kill, (processes,), exitpriority=10)
    try:
        while True:
            try:
                loaded = next(results)
            except StopIteration:
                return
            except RuntimeError as error:
                if "DataLoader worker" not in str(error):
                    raise
                raise ModelError(
                    f"a worker that loads data died ({error}). Where memory is short, or shared memory (/dev/shm in a "
                    "container), set data.workers lower; 0 loads in the training process"
                ) from error
            yield loaded
    finally:
        if workers:  # now, and not when the last traceback that holds the iterator is collected
            results._shutdown_workers()
        _kill(processes)
        at_exit.cancel()


def begin_server() -> None:
    """Have the process that workers are forked from import what they need, meanwhile: it takes seconds, once."""
    multiprocessing.set_forkserver_preload(["model.data.loader"])
    multiprocessing.forkserver.ensure_running()


def _kill(processes: list[Any]) -> None:
    for process in processes:
        process.kill()  # they ignore the SIGTERM that torch and Python send
    for process in processes:
        process.join()


def _as_it_is(loaded: Any) -> Any:
    return loaded


def _begin_worker(_: int) -> None:
    """One thread each; an interrupt is for the training process, which ends its workers itself, or by its own end."""
    end_with_parent()  # torch's own watch is on the fork server, which lives as long as its workers do
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # else it warns of the fork
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class ReadAhead(Generic[Item]):
    """Runs an iterator in a thread, at most `depth` items ahead of whoever reads it. Close it when done."""

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self._items = items
        self._ready: queue.Queue[tuple[Item | None, BaseException | None, bool]] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Item]:
        """The items; what the iterator raises is raised here. The thread begins with the first of them."""
        with closing(self):
            self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
            self._thread.start()
            while True:
                item, error, last = self._ready.get()
                if error is not None:
                    raise error
                if last:
                    return
                yield item  # type: ignore[misc]

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._stopped.set()
        while self._thread is not None and self._thread.is_alive():
            with suppress(queue.Empty):
                self._ready.get_nowait()
            self._thread.join(timeout=0.05)

    def _run(self) -> None:
        try:
            for item in self._items:
                self._ready.put((item, None, False))
                if self._stopped.is_set():
                    return
            self._ready.put((None, None, True))
        except BaseException as error:  # handed over, not swallowed
            self._ready.put((None, error, False))
