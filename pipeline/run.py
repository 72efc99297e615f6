"""What the buckets of one run share."""

from dataclasses import dataclass
from typing import Any

from pipeline.engines.lazy import LazyEngine
from pipeline.error_limit import ErrorLimit
from pipeline.job import Job
from pipeline.judge_process import JudgeProcess
from pipeline.plan import Plan
from pipeline.progress import GenerationProgress
from pipeline.redo import NOTHING, Redo
from pipeline.shard import ShardFile


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
