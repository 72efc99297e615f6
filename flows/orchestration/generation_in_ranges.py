"""Generates ranges of shards, each in its own flow run on a work pool, and checks all shards at the end."""

import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from entityclip.contract.receipts import BucketReceipt
from flows.orchestration.progress_artifact import Now, ProgressArtifact
from flows.orchestration.range_runs import RangeRuns
from pipeline.errors import PipelineError
from pipeline.generation.prepare import prepare, shards_there
from pipeline.generation.summary import GenerationSummary, summarise
from pipeline.job import Job
from pipeline.shards.receipts import read_receipt
from pipeline.shards.shard import list_shards
from pipeline.shards.writer_lock import sole_writer

_NAMED = 10


def reconcile(job: Job, digests: dict[int, str], *, limited: bool) -> tuple[dict[str, dict[str, int]], int]:
    """Check the receipts of all buckets; return the row counts by split and status, and the number of pending pairs.

    Args:
        digests: digest of the planned pairs of each bucket, by bucket number.
        limited: whether pending pairs are allowed, because the number of pairs to generate was limited.

    Raises:
        PipelineError: buckets are missing or do not match the plan; the message lists them with the reason.
    """
    sizes = {file.name: file.size for file in list_shards(job.storage)}
    counts: dict[str, Counter[str]] = {}
    pending = 0
    problems: list[str] = []
    for bucket, digest in digests.items():
        try:
            receipt = read_receipt(job.storage, bucket)
        except PipelineError as error:  # damaged
            problems.append(f"bucket {bucket}: {error}")
            continue
        problem = _problem(receipt, digest, sizes, limited)
        if problem is not None or receipt is None:
            problems.append(f"bucket {bucket} {problem}")
            continue
        pending += receipt.pending
        for name, shard in receipt.shards.items():
            split = name.partition("/")[0].removeprefix("split=")
            counts.setdefault(split, Counter()).update(shard.statuses)
    if problems:
        raise PipelineError(
            f"{job.output}: {len(problems)} of {len(digests)} buckets are missing or incomplete: "
            + "; ".join(problems[:_NAMED])
            + (f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else "")
            + ". Run the flow again; finished buckets are kept"
        )
    return {split: dict(by_status) for split, by_status in sorted(counts.items())}, pending


def _problem(receipt: BucketReceipt | None, digest: str, sizes: dict[str, int], limited: bool) -> str | None:
    if receipt is None:
        return "has no receipt"
    if receipt.plan != digest:
        return "was generated for another plan"
    if receipt.pending and not limited:
        return f"has {receipt.pending:,} pending pairs"
    for name, shard in receipt.shards.items():
        if sizes.get(name) != shard.size:
            return f"lacks {name}" if name not in sizes else f"has a receipt that {name} does not match"
    return None


def generate_in_ranges(job: Job, ranges: int, limit: int | None, parameters: dict[str, Any]) -> GenerationSummary:
    """Run a deployment of `generate-range` for each range until all shards exist, then check every shard.

    All pairs are planned first, so that errors in the data are reported early; the final check uses this plan. In the
    returned summary, the counts of generated rows, reused rows and tokens are 0, as the runs of the ranges report them.

    Args:
        parameters: parameters of `generate-range`, apart from the range.

    Raises:
        PipelineError: the deployment does not exist, ranges of an earlier run are still active, a range failed or
            was cancelled, or a shard is missing or incomplete.
    """
    began = time.monotonic()
    with ProgressArtifact("planning") as live, get_client(sync_client=True) as client:
        deployment, identity = _deployment_of_ranges(client, job.manifest.name)
        runs = RangeRuns(client, deployment, identity, cut(job.manifest.num_shards, ranges), parameters)
        runs.refuse_if_others_run()
        with sole_writer(job.output, job.work):
            shards_there(job)
            plan = prepare(job, limit)
            digests = {bucket: plan.bucket(bucket).digest for bucket in plan.buckets}
        live.describe = lambda: Now(100.0 * runs.finished / len(runs.ranges), runs.describe())
        runs.complete()
        counts, pending = reconcile(job, digests, limited=limit is not None)
    return replace(summarise(job, [], None, time.monotonic() - began), counts=counts, pending=pending)


def _deployment_of_ranges(client: SyncPrefectClient, dataset: str) -> tuple[str, UUID]:
    """Return the name and id of the deployment that generates ranges of a dataset."""
    names = (f"generate-range/{dataset}", "generate-range/own")
    for name in names:
        with suppress(ObjectNotFound):
            return name, client.read_deployment_by_name(name).id
    raise PipelineError(
        f"there is no deployment {names[0]} or {names[1]}; register those of prefect.yaml with `make up` or "
        "`prefect deploy --all`, or set ranges to 1"
    )


def cut(buckets: int, parts: int) -> list[range]:
    """Split `buckets` buckets into at most `parts` contiguous, non-empty ranges of nearly equal length."""
    parts = min(parts, buckets)
    edges = [buckets * part // parts for part in range(parts + 1)]
    return [range(first, stop) for first, stop in pairwise(edges)]
