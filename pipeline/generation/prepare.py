"""From a job to its plan, and to what is there already."""

import sys

from tqdm import tqdm

from pipeline.job import Job
from pipeline.plan.plan import Plan, plan_pairs, write_plan
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.shards.shard import ShardFile, list_shards, read_shard
from pipeline.shards.writer_lock import check_dataset, check_output


def shards_there(job: Job) -> dict[int, list[ShardFile]]:
    """The shards of the output by bucket, found in one listing.

    Raises:
        PipelineError: the output is cut in another number of shards, or another dataset's.
    """
    shards = list_shards(job.storage)
    check_output(job.output, shards, job.manifest.num_shards)
    for shard in shards[:1]:  # every bucket checks its own; a wrong folder is to show before the plan is made
        check_dataset(job.output, shard.name, read_shard(job.storage, shard.name).provenance, job.manifest.name)
    by_bucket: dict[int, list[ShardFile]] = {}
    for shard in shards:
        by_bucket.setdefault(shard.number, []).append(shard)
    return by_bucket


def prepare(job: Job, limit: int | None = None) -> Plan:
    """Read the pairs and write the plan of the job's buckets, `plan.buckets`; say on stderr what the reader cleaned.

    A plan follows from manifest and data alone, so processes that share a dataset each make their part of it.

    The caller holds the lock.

    Raises:
        PipelineError: the dataset, the model or the output folder is not what the manifest says.
    """
    notes = ReaderNotes()
    planned = plan_pairs(read_pairs(job.manifest, notes), job, limit)
    plan = write_plan(planned, job.plan_folder, job.manifest.num_shards, job.buckets)
    for line in notes.lines():
        tqdm.write(line, file=sys.stderr)
    return plan
