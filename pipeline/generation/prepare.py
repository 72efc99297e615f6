"""Prepares a run: writes the job's plan, and lists the shards that already exist."""

import sys

from tqdm import tqdm

from pipeline.errors import PipelineError
from pipeline.job import Job
from pipeline.plan.plan import Plan, plan_pairs, write_plan
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.shards.shard import Shard, ShardFile, list_shards, read_shard


def read_own_shard(job: Job, name: str) -> Shard:
    """Read a shard of the job's output. Raises PipelineError if it belongs to a different dataset."""
    shard = read_shard(job.storage, name)
    if (dataset := shard.provenance["dataset"]) != job.manifest.name:
        raise PipelineError(
            f"{job.output} contains shards of dataset {dataset!r} ({name}), not of {job.manifest.name!r}; "
            "set another output folder in the manifest, or move the existing one"
        )
    return shard


def shards_there(job: Job) -> dict[int, list[ShardFile]]:
    """Return the shards that the output already holds, grouped by bucket.

    Raises:
        PipelineError: the output's number of shards or its dataset differs from the manifest.
    """
    shards = list_shards(job.storage)
    by_bucket: dict[int, list[ShardFile]] = {}
    for shard in shards:
        if shard.num_shards != job.manifest.num_shards:
            raise PipelineError(
                f"{job.output} contains shards written with num_shards={shard.num_shards} ({shard.name}), but the "
                f"manifest says {job.manifest.num_shards}; restore num_shards, or choose another output folder"
            )
        by_bucket.setdefault(shard.number, []).append(shard)
    if shards:
        read_own_shard(job, shards[0].name)  # detects a wrong folder before planning
    return by_bucket


def prepare(job: Job, limit: int | None = None) -> Plan:
    """Read the pairs, write the plan for the job's buckets, and report on stderr what the reader cleaned.

    A plan depends only on the manifest and the data, so processes that share a dataset can each plan their own
    buckets. The caller must hold the writer lock.

    Raises:
        PipelineError: the dataset, the model or the output folder does not match the manifest.
    """
    notes = ReaderNotes()
    planned = plan_pairs(read_pairs(job.manifest, notes), job, limit)
    plan = write_plan(planned, job.plan_folder, job.manifest.num_shards, job.buckets)
    for line in notes.lines():
        tqdm.write(line, file=sys.stderr)
    return plan
