"""Totals of a generation run."""

from collections import Counter
from dataclasses import dataclass

from entityclip.contract.status import Status
from pipeline.generation.bucket import BucketReport
from pipeline.job import Job


@dataclass(frozen=True)
class GenerationSummary:
    """Totals over all buckets.

    Attributes:
        engine: name and version of the engine, or None if nothing had to be generated.
        counts: number of rows by split and status.
        generated: number of requests that the engine answered in this run.
        reused: number of rows whose text already existed.
        pending: number of planned pairs left out because of `limit`.
        seconds: wall time of generation, including the start of the engine.
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
        """Number of rows in the shards."""
        return sum(sum(by_status.values()) for by_status in self.counts.values())

    @property
    def statuses(self) -> list[str]:
        """The statuses that occur, in the order used in reports."""
        found = {status for by_status in self.counts.values() for status in by_status}
        return [status.value for status in Status if status in found]


def total_counts(reports: list[BucketReport]) -> dict[str, Counter[str]]:
    """Return the number of rows in all buckets, by split and status."""
    counts: dict[str, Counter[str]] = {}
    for report in reports:
        for split, by_status in report.counts.items():
            counts.setdefault(split, Counter()).update(by_status)
    return counts


def summarise(job: Job, reports: list[BucketReport], engine: str | None, seconds: float) -> GenerationSummary:
    """Add up the reports of all buckets."""
    return GenerationSummary(
        dataset=job.manifest.name,
        output=str(job.output),
        model=job.model.name,
        revision=job.model.revision,
        engine=engine,
        counts={split: dict(by_status) for split, by_status in sorted(total_counts(reports).items())},
        generated=sum(r.generated for r in reports),
        reused=sum(r.reused for r in reports),
        pending=sum(r.pending for r in reports),
        prompt_tokens=sum(r.prompt_tokens for r in reports),
        completion_tokens=sum(r.completion_tokens for r in reports),
        seconds=seconds,
    )
