"""Repairs an output: puts shards back under their names, and moves damaged files aside so that they are made again."""

from contextlib import nullcontext
from pathlib import Path

from entityclip.contract.locations import is_url
from entityclip.contract.receipts import receipt_name
from pipeline.files.storage import open_storage
from pipeline.job import Job
from pipeline.shards.aside import put_back, set_aside
from pipeline.shards.shard import list_shards, shard_place
from pipeline.shards.writer_lock import single_writer, sole_writer
from pipeline.verifying.verify import Verification


def repair(found: Verification, job: Job | None = None) -> list[str]:
    """Move what is damaged or stray aside, and put swapped shards back; return a line for each file.

    Nothing is deleted: files are moved to `_damaged` below the output. What was moved or is missing is made again by
    the command that made it; of packed shards, the receipts of such buckets are moved too, as `pack` trusts them.

    Raises:
        PipelineError: another process is writing the output.
    """
    if job is not None:
        with sole_writer(found.location, job.work):
            return _repair(found)
    with nullcontext() if is_url(found.location) else single_writer(Path(found.location)):
        return _repair(found)


def _repair(found: Verification) -> list[str]:
    storage = open_storage(found.location)
    lines: list[str] = []
    bad = {fault.name for fault in found.damaged} | set(found.strays)
    sound = {file.name for file in list_shards(storage)} - bad
    misplaced = [fault for fault in found.damaged if fault.belongs]
    restored = {name for name, _ in put_back(storage, misplaced, sound, found.receipts, lines.append)}
    for fault in found.damaged:
        if fault.belongs is None:
            lines.append(f"{fault.name} {fault.why}; it was moved to {set_aside(storage, fault.name)}")
    lines += [f"{name} is no shard of this output; it was moved to {set_aside(storage, name)}" for name in found.strays]
    if found.kind == "packed":
        lost = {place[1] for name in bad | set(found.missing) if name not in restored and (place := shard_place(name))}
        names = {receipt_name(bucket) for bucket in lost & found.receipts.keys()} - bad
        lines += [f"{name} lists a damaged shard; it was moved to {set_aside(storage, name)}" for name in sorted(names)]
    return lines
