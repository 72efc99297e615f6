"""Generates a job's buckets with one Prefect task per bucket. The generation flows call this module."""

from collections.abc import Callable
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from entityclip.contract.progress import Progress
from flows.orchestration.progress_artifact import Now, ProgressArtifact
from pipeline.generation.bucket import BucketReport
from pipeline.generation.generate import BUCKETS_AT_ONCE, Submit, generate
from pipeline.generation.redo import Redo
from pipeline.generation.summary import GenerationSummary
from pipeline.job import Job

RUNNER: Any = ThreadPoolTaskRunner(max_workers=BUCKETS_AT_ONCE)


def make_buckets(job: Job, limit: int | None, redo: Redo) -> GenerationSummary:
    """Generate the job's buckets that are not up to date. Call this from a flow whose task runner is `RUNNER`.

    Raises:
        PipelineError: in the same cases as `pipeline.generation.generate`.
    """
    with ProgressArtifact("planning") as live:

        def show(progress: Progress) -> None:
            live.describe = lambda: _describe(progress)

        return generate(job, limit, redo, submitter=_as_task, on_start=show)


def _as_task(make: Callable[[int], BucketReport]) -> Submit:
    return task(name="make-bucket", task_run_name="bucket-{bucket}", cache_policy=NO_CACHE)(make).submit


def _describe(progress: Progress) -> Now:
    if not progress.done:
        return Now(0.0, "opening the engine" if progress.total else "nothing to generate")
    return Now(100.0 * progress.done / max(progress.total or 0, 1), str(progress))
