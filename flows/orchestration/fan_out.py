"""Generation in ranges of shards, each a flow run of its own on a work pool; at the end, is every shard there?"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from entityclip.contract.receipts import BucketReceipt
from flows.orchestration.progress_artifact import Now, ProgressArtifact
from flows.orchestration.range_runs import RangeRuns
from pipeline.errors import PipelineError
from pipeline.generation.prepare import prepare, shards_there
from pipeline.generation.summary import GenerationSummary
from pipeline.job import Job
from pipeline.shards.receipts import read_receipt
from pipeline.shards.shard import list_shards
from pipeline.shards.writer_lock import single_writer

_NAMED = 10


@dataclass(frozen=True)
class Expected:
    """Digest of the planned pairs of every bucket; `limited` plans may leave pairs for later."""

    digests: dict[int, str]
    limited: bool


def reconcile(job: Job, expected: Expected) -> tuple[dict[str, dict[str, int]], int]:
    """Rows by split and status, and pairs left for later, from the receipts of all buckets.

    Raises:
        PipelineError: naming the buckets that are not accounted for, and why.
    """
    sizes = {file.name: file.size for file in list_shards(job.storage)}
    counts: dict[str, Counter[str]] = {}
    pending = 0
    unaccounted: list[str] = []
    for bucket, digest in expected.digests.items():
        receipt = read_receipt(job.storage, bucket)
        problem = _problem(receipt, digest, sizes, expected.limited)
        if problem is not None or receipt is None:
            unaccounted.append(f"bucket {bucket}: {problem}")
            continue
        pending += receipt.pending
        for name, shard in receipt.shards.items():
            split = name.partition("/")[0].removeprefix("split=")
            counts.setdefault(split, Counter()).update(shard.statuses)
    if unaccounted:
        raise PipelineError(
            f"{job.output}: {len(unaccounted)} of {len(expected.digests)} buckets are not accounted for: "
            + "; ".join(_some(unaccounted))
            + ". Run it again: what is finished is kept"
        )
    return {split: dict(by_status) for split, by_status in sorted(counts.items())}, pending


def _problem(receipt: BucketReceipt | None, digest: str, sizes: dict[str, int], limited: bool) -> str | None:
    if receipt is None:
        return "it has no receipt"
    if receipt.plan != digest:
        return "it was made for another plan"
    if receipt.pending and not limited:
        return f"{receipt.pending:,} of its pairs are left"
    for name, shard in receipt.shards.items():
        if sizes.get(name) != shard.size:
            return f"{name} is missing" if name not in sizes else f"{name} is not as its receipt says"
    return None


def _some(problems: list[str]) -> Iterator[str]:
    yield from problems[:_NAMED]
    if len(problems) > _NAMED:
        yield f"and {len(problems) - _NAMED} more"


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
    with ProgressArtifact("planning") as live, get_client(sync_client=True) as client:
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
