"""Many small runs at once, a process each; whichever fails is named at the end, and the others go on."""

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from flows.ablation.runs import Run, begin_worker
from flows.ablation.worlds import ONE_THREAD
from flows.show import console
from model.errors import ModelError
from model.progress import duration

_SILENCE = 60.0  # seconds between lines where there is no terminal for a bar


def complete_runs(runs: Sequence[Run], workers: int, title: str) -> None:
    """Complete what is not complete; called again, it goes on where it stopped.

    Raises ModelError with the runs that failed, after all others are complete.
    """
    left = [run for run in dict.fromkeys(runs) if not run.is_complete]
    if not left:
        return
    os.environ.update(ONE_THREAD)
    failed: list[str] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(left)), mp_context=context, initializer=begin_worker) as pool:
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
