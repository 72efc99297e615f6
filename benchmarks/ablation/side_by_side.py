"""Executes many small runs concurrently in separate processes, and reports failed runs at the end.

Stopping the command stops all runs. Complete runs are kept, and the next call repeats interrupted runs.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.ablation.worlds import ONE_THREAD
from entityclip.contract.progress import Progress
from model.errors import ModelError
from model.worker_process import end_with_parent

if TYPE_CHECKING:  # worker processes import `runs` only when they receive a run
    from benchmarks.ablation.runs import Run


def complete_runs(runs: "Sequence[Run]", workers: int, title: str) -> None:
    """Complete the runs that are not complete yet, skipping duplicates.

    Raises:
        ModelError: some runs failed (raised after all other runs have ended), or a process was killed.
    """
    left = [run for run in dict.fromkeys(runs) if not run.is_complete]
    if not left:
        return
    os.environ.update(ONE_THREAD)
    failed: list[str] = []
    with worker_pool(min(workers, len(left))) as pool, Progress(title, "runs", len(left), last_line=True) as progress:
        of: dict[Future[None], Run] = {pool.submit(run.complete): run for run in left}
        for done in progress.over(as_completed(of)):
            error = done.exception()
            if isinstance(error, BrokenProcessPool):
                raise ModelError("a process of the ablation was killed; run the same command to continue") from error
            if error is not None:
                failed.append(f"{of[done].folder}: {type(error).__name__}: {error}")
    if failed:
        raise ModelError("\n  ".join([f"{len(failed)} of {len(left)} runs failed:", *failed]))


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a process pool that, on an error or Ctrl-C, kills its processes instead of waiting for submitted runs."""
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
    """Make the worker exit with its parent, and disable progress bars, which would overwrite each other."""
    end_with_parent()
    os.environ["TQDM_DISABLE"] = "1"
