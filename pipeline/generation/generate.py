"""Generates a job's buckets, several at once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Protocol

from entityclip.contract.progress import Progress
from pipeline.engines.base import Engine
from pipeline.engines.factory import check_engine, engine_for
from pipeline.errors import PipelineError
from pipeline.generation.bucket import BucketReport, make_bucket
from pipeline.generation.prepare import prepare, shards_there
from pipeline.generation.redo import NOTHING, Redo
from pipeline.generation.run import open_run, rare_collections
from pipeline.generation.summary import GenerationSummary, summarise
from pipeline.job import Job
from pipeline.shards.writer_lock import sole_writer

BUCKETS_AT_ONCE = 4  # so that the engine stays busy while a bucket's last requests finish


class Pending(Protocol):
    """A bucket that may still be generated: a future of `concurrent.futures` or of Prefect."""

    def result(self) -> BucketReport:
        """Wait for the bucket; return its report, or raise its error."""


Submit = Callable[[int], Pending]


def generate(
    job: Job,
    limit: int | None = None,
    redo: Redo = NOTHING,
    *,
    make_engine: Callable[[], Engine] | None = None,
    submitter: Callable[[Callable[[int], BucketReport]], Submit] | None = None,
    on_start: Callable[[Progress], None] | None = None,
) -> GenerationSummary:
    """Bring the job's buckets up to date; finished explanations are kept.

    Args:
        limit: generate for the first `limit` pairs only.
        redo: rows to generate again.
        make_engine: creates the engine, if one is needed. Default: the engine configured in the job's manifest.
        submitter: takes the function that generates a bucket and returns a non-blocking version of it. Default: buckets
            run in a thread pool.
        on_start: called with the run's progress once the work is planned.

    Raises:
        PipelineError: `make_bucket` failed, or the number of rows differs from the plan.
    """
    with ExitStack() as stack:
        stack.enter_context(rare_collections())
        stack.enter_context(sole_writer(job.output, job.work, job.buckets))
        there = shards_there(job)
        if not there and make_engine is None:  # the engine will be needed, so report a fault before planning
            check_engine(job)
        plan = prepare(job, limit)
        began = time.monotonic()
        run = stack.enter_context(open_run(job, plan, there, make_engine or (lambda: engine_for(job)), redo))
        if on_start is not None:
            on_start(run.progress)

        def make(bucket: int) -> BucketReport:
            try:
                return make_bucket(run, bucket)
            except PipelineError as error:
                run.engine.give_up(str(error))
                raise

        pool = stack.enter_context(ThreadPoolExecutor(BUCKETS_AT_ONCE, "bucket"))
        submit: Submit = submitter(make) if submitter else lambda bucket: pool.submit(make, bucket)
        buckets = [submit(bucket) for bucket in plan.buckets]
        try:
            reports = [bucket.result() for bucket in buckets]
        except BaseException as end:  # otherwise, all buckets would run to completion after an interrupt
            run.engine.give_up(f"the run was ended: {type(end).__name__}")
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        ran = run.engine.opened
        summary = summarise(job, reports, f"{ran.name} {ran.version}" if ran else None, time.monotonic() - began)
        if summary.rows + summary.pending != (planned := sum(plan.pairs.values())):
            raise PipelineError(
                f"{job.output}: {planned:,} pairs were planned, but there are {summary.rows:,} rows and "
                f"{summary.pending:,} pending pairs; this is a bug in EntityCLIP"
            )
        return summary
