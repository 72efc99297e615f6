"""Generation as the flow does it, without Prefect."""

from pathlib import Path

from pipeline.engines.lazy import LazyEngine
from pipeline.engines.protocol import Engine
from pipeline.error_limit import ErrorLimit
from pipeline.generate import Receipt, make_bucket
from pipeline.job import Job
from pipeline.prepare import prepare
from pipeline.progress import GenerationProgress
from pipeline.redo import NOTHING, Redo
from pipeline.run import Run
from pipeline.shard import Row, find_shards, read_rows


def generate(job: Job, engine: Engine, limit: int | None = None, redo: Redo = NOTHING) -> list[Receipt]:
    """Bring every bucket of the job up to date, one after the other."""
    plan = prepare(job, limit)
    with LazyEngine(lambda: engine) as lazy, GenerationProgress(0) as progress:
        run = Run(job, plan, lazy, progress, ErrorLimit(job.manifest.generation.max_error_share), redo)
        return [make_bucket(run, bucket) for bucket in range(plan.num_buckets)]


def all_rows(output: Path) -> dict[str, Row]:
    """Every row of a folder by id; an id that occurs twice fails."""
    rows = [row for path in find_shards(output) for row in read_rows(path)]
    by_id = {row.id: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id
