"""Generation in ranges of shards: each a flow run of its own on a work pool, and an account of all at the end."""

import time
from itertools import pairwise
from typing import Any

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from flows.live_run import LiveRun, Now
from flows.range_runs import RangeRuns
from flows.reconcile import Expected, reconcile
from pipeline.errors import PipelineError
from pipeline.job import Job
from pipeline.output import single_writer
from pipeline.prepare import prepare, shards_there
from pipeline.summary import GenerationSummary


def generate_in_ranges(job: Job, ranges: int, limit: int | None, parameters: dict[str, Any]) -> GenerationSummary:
    """Run `generate-range/DATASET` for each range until all shards are there, and check every one.

    The plan is made here first, so that what is wrong with the data shows before anything is started, and what the
    ranges did is compared with it at the end. What they generated, reused and spent is in their own runs: the
    summary has 0 there.

    Args:
        parameters: of `generate-range`, but for the range.

    Raises:
        PipelineError: there is no such deployment, ranges of an earlier run go on, a range failed for good, or a
            shard is not accounted for.
    """
    began = time.monotonic()
    with LiveRun("planning") as live, get_client(sync_client=True) as client:
        deployment = f"generate-range/{job.manifest.name}"
        try:
            found = client.read_deployment_by_name(deployment)
        except ObjectNotFound as error:
            raise PipelineError(
                f"ranges: there is no deployment {deployment}; add it to prefect.yaml as for heraldry and run "
                "`prefect deploy --all`, or set ranges to 1"
            ) from error
        runs = RangeRuns(client, deployment, found.id, cut(job.manifest.num_shards, ranges), parameters)
        runs.refuse_beside_others()
        with single_writer(job.work):
            shards_there(job)
            plan = prepare(job, limit)
            expected = Expected({bucket: plan.bucket(bucket).digest for bucket in plan.buckets}, limit is not None)
        live.describe = lambda: Now(100.0 * runs.finished / len(runs.ranges), runs.describe())
        runs.complete()
        counts, pending = reconcile(job, expected)
    return GenerationSummary(
        dataset=job.manifest.name,
        output=str(job.output),
        model=job.model.name,
        revision=job.model.revision,
        engine=None,
        counts=counts,
        generated=0,
        reused=0,
        pending=pending,
        prompt_tokens=0,
        completion_tokens=0,
        seconds=time.monotonic() - began,
    )


def cut(buckets: int, parts: int) -> list[range]:
    """Contiguous ranges of nearly equal length, none of them empty."""
    parts = min(parts, buckets)
    edges = [buckets * part // parts for part in range(parts + 1)]
    return [range(first, stop) for first, stop in pairwise(edges)]
