"""Many small runs at once, a process each; whichever fails is named at the end, and the others go on.

Whoever stops the command stops them all: a run that was at work is made again, those that are complete are kept.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from benchmarks.ablation.worlds import ONE_THREAD
from flows.display.console import console
from model.errors import ModelError
from model.tracking.progress import duration
from model.worker_process import end_with_parent

if TYPE_CHECKING:  # every process that completes runs imports this module, and its own runs
    from benchmarks.ablation.runs import Run

_SILENCE = 60.0  # seconds between lines where there is no terminal for a bar


def complete_runs(runs: "Sequence[Run]", workers: int, title: str) -> None:
    """Complete what is not complete; called again, it goes on where it stopped.

    Raises ModelError with the runs that failed, after all others are complete.
    """
    left = [run for run in dict.fromkeys(runs) if not run.is_complete]
    if not left:
        return
    os.environ.update(ONE_THREAD)
    failed: list[str] = []
    with _pool(min(workers, len(left))) as pool:
        of: dict[Future[None], Run] = {pool.submit(run.complete): run for run in left}
        began = said = time.monotonic()
        bar = tqdm(as_completed(of), total=len(of), desc=title, unit="run", disable=None, smoothing=0)
        for number, done in enumerate(bar, 1):
            now = time.monotonic()
            if bar.disable and (now - said >= _SILENCE or number == len(of)):
                said, left_for = now, duration((now - began) / number * (len(of) - number))
                console.print(f"{title}: {number}/{len(of)} runs, {left_for} left")
            error = done.exception()
            if isinstance(error, BrokenProcessPool):
                raise ModelError("a process of the ablation was killed; the same command goes on") from error
            if error is not None:
                failed.append(f"{of[done].folder}: {type(error).__name__}: {error}")
    if failed:
        raise ModelError("\n  ".join([f"{len(failed)} of {len(left)} runs failed:", *failed]))


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Left by an error or Ctrl-C, it ends its processes; its own end would wait for all that was submitted."""
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - before:
                process.kill()
            raise


def _begin_worker() -> None:
    """One that outlives the command would go on training; progress bars of several would overwrite each other."""
    end_with_parent()
    os.environ["TQDM_DISABLE"] = "1"
