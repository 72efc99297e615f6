"""Moves damaged files out of an output, so that they are made again and nothing is lost."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from entityclip.contract.receipts import BucketReceipt
from pipeline.files.storage import ASIDE, Storage
from pipeline.shards.footers import Fault
from pipeline.shards.shard import shard_place


def set_aside(storage: Storage, name: str) -> str:
    """Move a file to the folder `_damaged` of its output; return its new name.

    An earlier file of that name is kept: the new one gets a number. Raises OSError if the file cannot be moved.
    """
    target, number = f"{ASIDE}/{name}", 0
    while _exists(storage, target):
        number += 1
        target = f"{ASIDE}/{name}.{number}"
    storage.move(name, target)
    return target


def put_back(
    storage: Storage,
    faults: Sequence[Fault],
    there: set[str],
    receipts: Mapping[int, BucketReceipt | None],
    say: Callable[[str], None],
) -> Iterator[tuple[str, int]]:
    """Give shards that lie under another shard's name their own name again; yield the names and sizes.

    A shard is put back only where the receipt of its bucket lists exactly this content, or where there is no receipt;
    otherwise it is moved aside. All are moved aside first, as they may lie under each other's names.

    Args:
        faults: the misplaced shards; each `belongs` somewhere.
        there: names of sound shards, which are not replaced.
        receipts: receipts by bucket.
        say: called with a line about each shard.
    """
    moved = {fault.name: set_aside(storage, fault.name) for fault in faults}
    there = set(there)
    for fault in faults:
        own, aside = fault.belongs or "", moved[fault.name]
        place = shard_place(own)
        receipt = receipts.get(place[1]) if place is not None else None
        content = storage.read(aside)
        is_listed = receipt is None or (
            own in receipt.shards and receipt.shards[own].sha256 == hashlib.sha256(content).hexdigest()
        )
        if place is None or own in there or not is_listed:
            say(f"{fault.name} {fault.why}; it was moved to {aside}")
            continue
        storage.write(own, content)
        storage.delete(aside)
        there.add(own)
        say(f"{fault.name} {fault.why}; it has its own name again")
        yield own, len(content)


def _exists(storage: Storage, name: str) -> bool:
    try:
        storage.open(name).close()
    except FileNotFoundError:
        return False
    except OSError:  # a folder
        return True
    return True
