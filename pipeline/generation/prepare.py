"""Prepares a run: writes the job's plan, and lists the shards that already exist."""

import re
import sys
from contextlib import suppress

from tqdm import tqdm

from entityclip.contract.errors import ContractError
from entityclip.contract.schema import SCHEMA_VERSION
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage
from pipeline.files.visible_text import visible
from pipeline.job import Job
from pipeline.plan.plan import Plan, plan_pairs, write_plan
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.shards.footers import UNREADABLE, read_footer, wrong_dataset
from pipeline.shards.receipts import read_receipt
from pipeline.shards.shard import Shard, ShardFile, list_shards, read_shard, shard_place


def read_own_shard(job: Job, name: str) -> Shard:
    """Read a shard of the job's output. Raises PipelineError if it belongs to a different dataset."""
    shard = read_shard(job.storage, name)
    if (dataset := shard.provenance["dataset"]) != job.manifest.name:
        raise PipelineError(wrong_dataset(job.output, name, dataset, job.manifest.name))
    return shard


def shards_there(job: Job) -> dict[int, list[ShardFile]]:
    """Return the shards that the output already holds, grouped by bucket, without stray files (`strays`).

    Raises:
        PipelineError: the output's number of shards or its dataset differs from the manifest.
    """
    count = job.manifest.num_shards
    shards = list_shards(job.storage)
    own = [shard for shard in shards if shard.num_shards == count]
    others = [shard for shard in shards if shard.num_shards != count]
    if others and not _has_receipt(job):
        raise PipelineError(
            f"{job.output} contains shards written with num_shards={others[0].num_shards} ({others[0].name}), but the "
            f"manifest says {count}; restore num_shards, or choose another output folder"
        )
    _check_dataset(job, own)  # detects a wrong folder before planning
    by_bucket: dict[int, list[ShardFile]] = {}
    for shard in own:
        if shard.number < count:
            by_bucket.setdefault(shard.number, []).append(shard)
    return by_bucket


def strays(storage: Storage, count: int) -> list[str]:
    """Return the Parquet files in split folders that are no shards of an output of `count` shards."""
    files = (file.name for file in storage.files() if re.fullmatch(r"split=[^/]+/[^/]+\.parquet", file.name))
    places = {name: shard_place(name) for name in files}
    return [name for name, place in places.items() if place is None or place[2] != count or place[1] >= count]


def _has_receipt(job: Job) -> bool:
    """Return whether the output has a receipt with the manifest's number of shards, so that others are strays."""
    for bucket in range(job.manifest.num_shards):
        with suppress(PipelineError):
            receipt = read_receipt(job.storage, bucket)
            if receipt is not None:
                return (receipt.dataset, receipt.num_buckets) == (job.manifest.name, job.manifest.num_shards)
    return False


def _check_dataset(job: Job, shards: list[ShardFile]) -> None:
    """Raise PipelineError if the first shard with a readable footer belongs to another dataset or schema version."""
    for shard in shards:
        try:
            made = read_footer(job.storage, shard.name).provenance
        except ContractError as error:
            if _has_receipt(job):
                continue
            raise PipelineError(f"{shard.name}: {error}; choose another output folder") from error
        except UNREADABLE:  # a damaged shard is moved aside later
            continue
        if made.get("schema_version") != SCHEMA_VERSION:
            read_own_shard(job, shard.name)  # raises
        if made.get("dataset") == job.manifest.name or _has_receipt(job):
            return
        raise PipelineError(wrong_dataset(job.output, shard.name, made.get("dataset"), job.manifest.name))


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
    for line in [*notes.lines(), *job.prompts.notes]:
        tqdm.write(visible(line), file=sys.stderr)
    return plan
