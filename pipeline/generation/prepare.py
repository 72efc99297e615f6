"""Preparation of a run: the plan of a job, and the shards that exist already."""

import sys

from tqdm import tqdm

from pipeline.job import Job
from pipeline.plan.plan import Plan, plan_pairs, write_plan
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.shards.shard import ShardFile, list_shards, read_shard
from pipeline.shards.writer_lock import check_dataset, check_output


def shards_there(job: Job) -> dict[int, list[ShardFile]]:
    """List the existing shards of the output by bucket.

    Raises:
        PipelineError: the output has another number of shards, or belongs to another dataset.
    """
    shards = list_shards(job.storage)
    check_output(job.output, shards, job.manifest.num_shards)
    for shard in shards[:1]:  # each bucket checks its own shards; this finds a wrong folder before planning
        check_dataset(job.output, shard.name, read_shard(job.storage, shard.name).provenance, job.manifest.name)
    by_bucket: dict[int, list[ShardFile]] = {}
    for shard in shards:
        by_bucket.setdefault(shard.number, []).append(shard)
    return by_bucket


def prepare(job: Job, limit: int | None = None) -> Plan:
    """Read the pairs and write the plan of the job's buckets; report on stderr what the reader cleaned.

    A plan depends on manifest and data only, so processes that share a dataset can each plan their own buckets.
    The caller must hold the writer lock.

    Raises:
        PipelineError: the dataset, the model or the output folder does not match the manifest.
    """
    notes = ReaderNotes()
    planned = plan_pairs(read_pairs(job.manifest, notes), job, limit)
    plan = write_plan(planned, job.plan_folder, job.manifest.num_shards, job.buckets)
    for line in notes.lines():
        tqdm.write(line, file=sys.stderr)
    return plan
