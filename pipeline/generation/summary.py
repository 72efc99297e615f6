"""What a generation run came to: the receipts added up."""

from collections import Counter
from dataclasses import dataclass

from pipeline.generation.bucket import BucketReport
from pipeline.job import Job


@dataclass(frozen=True)
class GenerationSummary:
    """Totals over all buckets.

    Attributes:
        engine: engine name and version that ran, or None where nothing had to be generated.
        counts: rows by split and status.
        generated: requests the engine answered in this run; reused: rows that had their text.
        pending: planned pairs left out by `limit`.
        seconds: wall time of generating, engine start included.
    """

    dataset: str
    output: str
    model: str
    revision: str
    engine: str | None
    counts: dict[str, dict[str, int]]
    generated: int
    reused: int
    pending: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float

    @property
    def rows(self) -> int:
        """Rows in the shards."""
        return sum(sum(by_status.values()) for by_status in self.counts.values())


def summarise(job: Job, receipts: list[BucketReport], engine: str | None, seconds: float) -> GenerationSummary:
    """Add the receipts up."""
    counts: dict[str, Counter[str]] = {}
    for receipt in receipts:
        for split, by_status in receipt.counts.items():
            counts.setdefault(split, Counter()).update(by_status)
    return GenerationSummary(
        dataset=job.manifest.name,
        output=str(job.output),
        model=job.model.name,
        revision=job.model.revision,
        engine=engine,
        counts={split: dict(by_status) for split, by_status in sorted(counts.items())},
        generated=sum(r.generated for r in receipts),
        reused=sum(r.reused for r in receipts),
        pending=sum(r.pending for r in receipts),
        prompt_tokens=sum(r.prompt_tokens for r in receipts),
        completion_tokens=sum(r.completion_tokens for r in receipts),
        seconds=seconds,
    )
