"""Finds damaged shards before a run uses them, and moves them aside, so that their rows are generated again.

What is checked is cheap: footers, row counts, receipts, and the ids of shards that would be kept as they are. Digests
are compared where shards are on a local disk (hashing takes a small part of the time of planning) or are read anyway;
`entityclip verify` compares all.
"""

import hashlib
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from entityclip.contract.receipts import BucketReceipt, ShardReceipt, receipt_name
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.generation.prepare import read_own_shard, strays
from pipeline.job import Job
from pipeline.plan.plan import PlannedBucket
from pipeline.shards.aside import put_back, set_aside
from pipeline.shards.footers import UNREADABLE, Fault, check_plausible, differs, footer_fault, why_unreadable
from pipeline.shards.receipts import read_receipt
from pipeline.shards.shard import DamagedShardError, Shard, ShardFile, shard_place

_THREADS = 8


def sound_shards(job: Job, buckets: Iterable[int], existing: dict[int, list[ShardFile]]) -> dict[int, list[ShardFile]]:
    """Return the shards of these buckets that pass the cheap checks; mend the others, and say so on stderr.

    A shard that lies under another shard's name is put back. Damaged shards, stray files and unreadable receipts are
    moved aside. The caller must hold the writer lock.

    Raises:
        PipelineError: the output holds shards of another dataset or schema version, or other files named like shards.
    """
    mine = {bucket: existing.get(bucket, []) for bucket in buckets}
    for name in job.storage.folders_named_like_files():
        place = shard_place(name)
        if place is not None and place[1] in mine:
            _aside(job, Fault(name, "is a folder, not a file"))
    receipts = {bucket: _receipt(job, bucket) for bucket in mine}
    faults = examine(job, mine, receipts)
    bad = {fault.name for fault in faults}
    sound = {bucket: [file for file in files if file.name not in bad] for bucket, files in mine.items()}
    for fault in faults:
        if fault.belongs is None:
            _aside(job, fault)
    misplaced = [fault for fault in faults if fault.belongs]
    there = {file.name for files in sound.values() for file in files}
    own = {bucket: receipt for bucket, receipt in receipts.items() if is_own(receipt, job)}
    for name, size in put_back(job.storage, misplaced, there, own, say):
        place = shard_place(name)
        assert place is not None
        sound[place[1]].append(ShardFile(name, place[1], place[2], size))
    if 0 in mine:  # of several processes that share the buckets, one has the first
        for name in strays(job.storage, job.manifest.num_shards):
            with suppress(FileNotFoundError):
                say(f"{name} is no shard of this output; it was moved to {set_aside(job.storage, name)}")
    seen = bad | {file.name for files in sound.values() for file in files}
    for receipt in receipts.values():
        for name in sorted(receipt.shards.keys() - seen) if receipt is not None else ():
            say(f"{name} is gone, although its receipt lists it; its rows are generated again")
    return sound


def examine(job: Job, existing: dict[int, list[ShardFile]], receipts: dict[int, BucketReceipt | None]) -> list[Fault]:
    """Return what is wrong with these shards according to their footers and receipts. Raises as `sound_shards` does."""

    def fault_of(file: ShardFile) -> Fault | None:
        return footer_fault(job.storage, file, job.manifest.name, listed(receipts.get(file.number), job, file.name))

    files = [file for of_bucket in existing.values() for file in of_bucket]
    with ThreadPoolExecutor(_THREADS) as pool:
        bar = tqdm(pool.map(fault_of, files), "footers", len(files), leave=False, delay=2, disable=None)
        return [fault for fault in bar if fault is not None]


def listed(receipt: BucketReceipt | None, job: Job, name: str) -> ShardReceipt | None:
    """Return a shard's entry in its bucket's receipt; None if the receipt is not one of this output."""
    return receipt.shards.get(name) if receipt is not None and is_own(receipt, job) else None


def is_own(receipt: BucketReceipt | None, job: Job) -> bool:
    """Return whether a receipt is there and is one of this output."""
    own = (job.manifest.name, job.manifest.num_shards)
    return receipt is not None and (receipt.dataset, receipt.num_buckets) == own


def read_sound_shard(job: Job, file: ShardFile, receipt: BucketReceipt | None) -> Shard | None:
    """Read a whole shard; if it is damaged or does not match its receipt's digest, move it aside and return None."""
    try:
        shard = read_own_shard(job, file.name)
    except DamagedShardError as error:
        _aside(job, Fault(file.name, why_unreadable(error.__cause__ or error)))
        return None
    entry = listed(receipt, job, file.name)
    if entry is not None and entry.sha256 != shard.digest:
        _aside(job, Fault(file.name, differs(shard.digest, entry.sha256)))
        return None
    return shard


def kept_shards(job: Job, files: list[ShardFile], planned: PlannedBucket, receipt: BucketReceipt) -> list[ShardFile]:
    """Return the shards that hold only ids and splits that are planned for them; move the others aside.

    On a local disk, each must have the digest in its receipt as well.
    """
    sound = []
    for file in files:
        why = _kept_problem(job, file, planned, listed(receipt, job, file.name))
        if why is None:
            sound.append(file)
        else:
            _aside(job, Fault(file.name, why))
    return sound


def _kept_problem(job: Job, file: ShardFile, planned: PlannedBucket, entry: ShardReceipt | None) -> str | None:
    split = (shard_place(file.name) or ("",))[0]
    try:
        if job.storage.is_local and entry is not None:
            content = job.storage.read(file.name)
            if (found := hashlib.sha256(content).hexdigest()) != entry.sha256:
                return differs(found, entry.sha256)
            source: pa.NativeFile = pa.BufferReader(content)
        else:
            source = job.storage.open(file.name)
        with source, pq.ParquetFile(source) as parquet:
            check_plausible(parquet, source.size())
            table = parquet.read(["id", "split"], use_threads=False)
        table.validate(full=True)
        splits, ids = pc.unique(table["split"]).to_pylist(), table["id"].cast(pa.string())
    except PermissionError:
        raise
    except UNREADABLE as error:
        return why_unreadable(error)
    if splits not in ([split], []):
        return f"holds rows of the splits {', '.join(sorted(map(str, splits)))[:80]}"
    of_split = planned.table["id"].filter(pc.equal(planned.table["split"], split))
    known = pc.is_in(ids, value_set=of_split.combine_chunks())
    if not pc.all(known, min_count=0).as_py():
        return f"holds ids that are not planned for it, such as {ids.filter(pc.invert(known))[0].as_py()!r}"
    return None if len(pc.unique(ids)) == len(ids) else "holds an id twice"


def _aside(job: Job, fault: Fault) -> None:
    moved = set_aside(job.storage, fault.name)
    say(f"{fault.name} {fault.why}; it was moved to {moved}, and its rows are generated again")


def _receipt(job: Job, bucket: int) -> BucketReceipt | None:
    """Return a bucket's receipt; one that cannot be read is moved aside, and the bucket's shards are checked again."""
    try:
        return read_receipt(job.storage, bucket)
    except PipelineError as error:
        name = receipt_name(bucket)
        with suppress(FileNotFoundError):
            moved = set_aside(job.storage, name)
            say(f"{error.__cause__ or error} ({name}); it was moved to {moved}, and is written again")
        return None


def say(line: str) -> None:
    """Write a line about what was mended to stderr, beside a progress bar."""
    tqdm.write(visible(line), file=sys.stderr)
