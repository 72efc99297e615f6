"""Generates a job's buckets with one Prefect task per bucket; this is the body of the flows that generate."""

import time
from contextlib import ExitStack
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from entityclip.contract.progress import Progress
from flows.orchestration.progress_artifact import Now, ProgressArtifact
from pipeline.engines.factory import engine_for
from pipeline.errors import PipelineError
from pipeline.generation.bucket import BucketReport, make_bucket
from pipeline.generation.prepare import prepare, shards_there
from pipeline.generation.redo import Redo
from pipeline.generation.run import open_run, rare_collections
from pipeline.generation.summary import GenerationSummary, summarise
from pipeline.job import Job
from pipeline.shards.writer_lock import single_writer

# Several buckets at once, so that the engine stays busy while a bucket's last requests finish.
RUNNER: Any = ThreadPoolTaskRunner(max_workers=4)


def make_buckets(job: Job, limit: int | None, redo: Redo) -> GenerationSummary:
    """Bring the job's buckets up to date. Call this from a flow that has the task runner `RUNNER`.

    Raises:
        PipelineError: in the same cases as `make_bucket`, or the number of rows differs from the plan.
    """
    with ExitStack() as stack:
        live = stack.enter_context(ProgressArtifact("planning"))
        stack.enter_context(rare_collections())
        stack.enter_context(single_writer(job.work, job.buckets))
        there = shards_there(job)
        plan = prepare(job, limit)
        began = time.monotonic()
        planned = sum(plan.pairs.values())
        run = stack.enter_context(open_run(job, plan, there, lambda: engine_for(job), redo))
        live.describe = lambda: _describe(run.progress)

        @task(name="make-bucket", task_run_name="bucket-{bucket}", cache_policy=NO_CACHE)
        def make(bucket: int) -> BucketReport:
            try:
                return make_bucket(run, bucket)
            except PipelineError as error:
                run.engine.give_up(str(error))
                raise

        buckets = [make.submit(bucket) for bucket in plan.buckets]
        try:
            receipts = [bucket.result() for bucket in buckets]
        except BaseException as end:  # otherwise, the tasks would run to completion after an interrupt or cancellation
            run.engine.give_up(f"the run was ended: {type(end).__name__}")
            raise
        ran = run.engine.opened
        described = f"{ran.name} {ran.version}" if ran else None
        summary = summarise(job, receipts, described, time.monotonic() - began)
        if summary.rows + summary.pending != planned:
            raise PipelineError(
                f"{job.output}: {planned:,} pairs were planned, but there are {summary.rows:,} rows and "
                f"{summary.pending:,} pending pairs; this is a bug in EntityCLIP"
            )
        return summary


def _describe(progress: Progress) -> Now:
    if not progress.done:
        return Now(0.0, "opening the engine" if progress.total else "nothing to generate")
    return Now(100.0 * progress.done / max(progress.total or 0, 1), str(progress))
