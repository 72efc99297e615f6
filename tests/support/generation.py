"""Generation as the flow does it, without Prefect."""

from pathlib import Path

from pipeline.engines.protocol import Engine
from pipeline.generate import Receipt, make_shard
from pipeline.job import Job
from pipeline.prepare import prepare
from pipeline.shard import Row, find_shards, read_rows


def generate(job: Job, engine: Engine, limit: int | None = None) -> list[Receipt]:
    """Bring every shard of the job up to date."""
    works = prepare(job, limit)
    with engine:
        return [make_shard(job, work, engine, lambda completion: None) for work in works]


def all_rows(output: Path) -> dict[str, Row]:
    """Every row of a folder by id; an id that occurs twice fails."""
    rows = [row for path in find_shards(output) for row in read_rows(path)]
    by_id = {row.id: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id
