"""Finds the planned pairs to compare an output with: planned anew from a manifest, or as the last run left them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from pipeline.job import Job
from pipeline.plan.plan import PLAN_SCHEMA, Plan, PlannedBucket, plan_pairs, write_plan
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.shards.footers import UNREADABLE


class Plans(Protocol):
    """Plans of buckets."""

    def bucket(self, number: int) -> PlannedBucket | None:
        """Return the planned pairs of a bucket; None if there is no plan of it."""


class LeftPlans:
    """The plans that generation left beside the shards: `_plan`, or one folder per range of buckets."""

    def __init__(self, folder: Path) -> None:
        self._folders = sorted(path for path in folder.glob("_plan*") if path.is_dir() and path.suffix != ".tmp")

    def bucket(self, number: int) -> PlannedBucket | None:
        for folder in self._folders:
            try:
                planned = Plan(folder, range(number, number + 1), {}).bucket(number)
            except UNREADABLE:  # damaged; the next run plans anew
                continue
            if len(planned) and planned.table.schema.equals(PLAN_SCHEMA):
                return planned
        return None


class NoPlans:
    """What an output without plans has, such as one in object storage."""

    def bucket(self, number: int) -> PlannedBucket | None:
        return None


@contextmanager
def planned_anew(job: Job, limit: int | None) -> Iterator[Plan]:
    """Yield a fresh plan of the job in a temporary folder. Raises PipelineError as planning does."""
    with TemporaryDirectory() as folder:
        pairs = plan_pairs(read_pairs(job.manifest, ReaderNotes()), job, limit)
        yield write_plan(pairs, Path(folder) / "plan", job.manifest.num_shards)
