"""Generation as the flow does it, without Prefect."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from entityclip.contract.schema import provenance_of
from pipeline.engines.base import Engine
from pipeline.files.storage import open_storage
from pipeline.generation.bucket import BucketReport, make_bucket
from pipeline.generation.prepare import prepare, shards_there
from pipeline.generation.redo import NOTHING, Redo
from pipeline.generation.run import open_run
from pipeline.job import Job
from pipeline.shards.shard import Row, list_shards, read_shard


def generate(job: Job, engine: Engine, limit: int | None = None, redo: Redo = NOTHING) -> list[BucketReport]:
    """Bring every bucket of the job up to date, one after the other."""
    there = shards_there(job)
    plan = prepare(job, limit)
    with open_run(job, plan, there, lambda: engine, redo) as run:
        return [make_bucket(run, bucket) for bucket in plan.buckets]


def all_rows(output: Path | str) -> dict[str, Row]:
    """Every row of an output by id; an id that occurs twice fails."""
    storage = open_storage(output)
    rows = [row for file in list_shards(storage) for row in read_shard(storage, file.name).rows]
    by_id = {row.id: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def find_shards(output: Path) -> list[Path]:
    """Paths of all shards of a local output, by name."""
    return [output / file.name for file in list_shards(open_storage(output))]


def read_provenance(path: Path) -> dict[str, Any]:
    """What the footer of a shard says of its origin."""
    return provenance_of(pq.read_schema(path))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
