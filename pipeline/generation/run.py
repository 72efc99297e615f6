"""What the buckets of one run share, and when a run stops: most answers are errors."""

import gc
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.engines.base import Completion
from pipeline.engines.lazy import LazyEngine
from pipeline.errors import PipelineError
from pipeline.generation.progress import GenerationProgress
from pipeline.generation.redo import NOTHING, Redo
from pipeline.job import Job
from pipeline.judge.process import JudgeProcess
from pipeline.plan.plan import Plan
from pipeline.shards.shard import ShardFile

_AT_LEAST = 20  # answers, before a share of them says anything
_SHOWN = 3
_THRESHOLDS = (100_000, 50, 100)  # new objects before a look at the youngest, then at the older generations


class ErrorLimit:
    """Counts answers and errors; several buckets report at once."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._answers = 0
        self._errors: Counter[str] = Counter()

    def count(self, completion: Completion) -> None:
        """Count one answer.

        Raises:
            PipelineError: more than the share of at least 20 answers are errors; it names the commonest.
        """
        with self._lock:
            self._answers += 1
            if completion.error is not None:
                self._errors[completion.error] += 1
            errors = self._errors.total()
            if self._answers >= _AT_LEAST and errors > self._share * self._answers:
                commonest = "; ".join(f"{count} x {error}" for error, count in self._errors.most_common(_SHOWN))
                raise PipelineError(
                    f"stopped: {errors} of {self._answers} answers are errors (generation.max_error_share is "
                    f"{self._share}): {commonest}. What was answered is kept; a re-run goes on from there"
                )


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect cycles seldom, and never look at what was there before: a sixth of the pipeline's time went there."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@dataclass(frozen=True)
class Run:
    """A job with its plan, the shards that were there, its engine, its judge, and those who watch."""

    job: Job
    plan: Plan
    there: dict[int, list[ShardFile]]
    engine: LazyEngine
    judging: JudgeProcess
    progress: GenerationProgress
    errors: ErrorLimit
    redo: Redo = NOTHING

    def about(self) -> dict[str, Any]:
        """What the shards say of this run's answers; the engine is open."""
        if not self.redo.statuses:
            return self.engine.about
        redo = {"statuses": sorted(self.redo.statuses), "max_tokens": self.redo.max_tokens}
        return {**self.engine.about, "redo": redo}
