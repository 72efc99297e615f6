"""After a fan-out: is every shard of the plan there, made for this plan, and nothing left?"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import PipelineError
from pipeline.job import Job
from pipeline.receipts import BucketReceipt, read_receipt
from pipeline.shard import list_shards

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
