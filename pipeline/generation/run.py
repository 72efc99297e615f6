"""State shared by a run's buckets, and the limit on errors that stops the run."""

import gc
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from entityclip.contract.progress import Progress
from pipeline.engines.base import Completion, Engine
from pipeline.engines.lazy import LazyEngine
from pipeline.errors import PipelineError
from pipeline.generation.mend import sound_shards
from pipeline.generation.redo import NOTHING, Redo
from pipeline.job import Job
from pipeline.judge.process import JudgeProcess
from pipeline.plan.plan import Plan
from pipeline.shards.shard import ShardFile

_MIN_ANSWERS = 20  # with fewer, a share of errors is not meaningful


class ErrorLimit:
    """Counts the answers and errors of all buckets, and stops the run if there are too many errors. Thread-safe."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._answers = 0
        self._errors: Counter[str] = Counter()

    def count(self, completion: Completion) -> None:
        """Count one answer.

        Raises:
            PipelineError: after at least 20 answers, the share of errors exceeds the limit; the most common are listed.
        """
        with self._lock:
            self._answers += 1
            if completion.error is not None:
                self._errors[completion.error] += 1
            errors = self._errors.total()
            if self._answers >= _MIN_ANSWERS and errors > self._share * self._answers:
                commonest = "; ".join(f"{count} x {error}" for error, count in self._errors.most_common(3))
                raise PipelineError(
                    f"stopped: {errors} of {self._answers} answers are errors (generation.max_error_share is "
                    f"{self._share}): {commonest}. Finished answers are kept; run again to continue"
                )


@contextmanager
def rare_collections() -> Iterator[None]:
    """Run garbage collection rarely, and only on new objects; with Python's defaults it took 1/6 of the run time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@dataclass(frozen=True)
class Run:
    """A job with its plan, existing shards by bucket, engine, judge, progress and limits."""

    job: Job
    plan: Plan
    existing: dict[int, list[ShardFile]]
    engine: LazyEngine
    judging: JudgeProcess
    progress: Progress
    errors: ErrorLimit
    redo: Redo = NOTHING

    def about(self) -> dict[str, Any]:
        """Return the metadata that shards record about this run's answers; the engine must be open."""
        if not self.redo.statuses:
            return self.engine.about
        redo = {"statuses": sorted(self.redo.statuses), "max_tokens": self.redo.max_tokens}
        return {**self.engine.about, "redo": redo}


@contextmanager
def open_run(
    job: Job,
    plan: Plan,
    existing: dict[int, list[ShardFile]],
    make_engine: Callable[[], Engine],
    redo: Redo = NOTHING,
) -> Iterator[Run]:
    """Open a run with an engine, a judging process and a progress display, all closed on exit.

    Damaged shards among `existing` are moved aside first (`pipeline.generation.mend`).
    """
    existing = sound_shards(job, plan.buckets, existing)
    progress = Progress("generate", "rows", sum(plan.pairs.values()), last_line=True)
    judging = JudgeProcess(job.judge, job.manifest.folder)
    errors = ErrorLimit(job.manifest.generation.max_error_share)
    with LazyEngine(make_engine) as engine, judging, progress:
        yield Run(job, plan, existing, engine, judging, progress, errors, redo)
