"""Cleans and judges existing raw texts again after the rules have changed; no engine is needed."""

from collections import Counter
from dataclasses import replace

from entityclip.contract.receipts import ShardReceipt, receipt_name
from pipeline.errors import PipelineError
from pipeline.generation.prepare import read_own_shard, shards_there
from pipeline.generation.rows import cleaned_again
from pipeline.job import Job
from pipeline.shards.receipts import read_receipt, write_receipt
from pipeline.shards.shard import count_statuses, write_shard


def reclean(job: Job) -> Counter[str]:
    """Rewrite the shards whose rows change, and return the number of changed rows by their new status.

    The caller must hold the writer lock.

    Raises:
        PipelineError: there are no shards, or they belong to a different dataset.
    """
    changed: Counter[str] = Counter()
    thresholds = job.manifest.generation.judge.model_dump()
    by_bucket = shards_there(job)
    if not by_bucket:
        raise PipelineError(f"{job.output} has no explanation shards; generate them with: entityclip generate MANIFEST")
    for bucket, files in by_bucket.items():
        receipt = read_receipt(job.storage, bucket)
        shards = dict(receipt.shards) if receipt else {}
        for file in files:
            shard = read_own_shard(job, file.name)
            again = [cleaned_again(row, job.judge) for row in shard.rows]
            changed.update(new.status for old, new in zip(shard.rows, again, strict=True) if old != new)
            if again != shard.rows or shard.provenance["judge"] != thresholds:
                job.storage.delete(receipt_name(bucket))  # a killed run must not leave a receipt of other shards
                provenance = {**shard.provenance, "judge": thresholds}
                written = write_shard(job.storage, file.name, again, provenance)
                shards[file.name] = ShardReceipt(*written, len(again), count_statuses(again))
        if receipt is not None and (shards != receipt.shards or read_receipt(job.storage, bucket) is None):
            write_receipt(job.storage, replace(receipt, shards=shards))
    return changed
