"""Reads the receipts, spool files and writer files of an output to determine which of its parts are finished."""

from dataclasses import dataclass

from entityclip.contract.errors import ContractError
from entityclip.contract.receipts import RECEIPTS, BucketReceipt, ReceiptVersionError, ShardReceipt, parse_receipt
from pipeline.files.visible_text import visible
from pipeline.inspect.find import Found
from pipeline.inspect.footers import Fault, Look, each


@dataclass(frozen=True)
class Completeness:
    """What is finished and what is missing in an output.

    Attributes:
        buckets: number of buckets in the dataset; None if unknown.
        receipts: number of finished buckets.
        unfinished: numbers of the buckets without a receipt.
        pending: number of planned pairs that finished buckets left for a later run.
        unsent: number of rows that did not reach the engine.
        missing: shards that are listed in a receipt but do not exist.
        unlisted: shards that are not listed in any receipt.
        spooled: number of answers in each spool file.
        half_written: temporary files of unfinished shards.
        writers: registered writers; some of them may have been killed.
    """

    buckets: int | None
    receipts: int
    unfinished: tuple[int, ...]
    pending: int
    unsent: int
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    spooled: dict[str, int]
    half_written: tuple[str, ...]
    writers: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether training accepts the output: all receipts exist, and nothing is pending, missing or unlisted."""
        return bool(self.receipts) and not (self.unfinished or self.pending or self.missing or self.unlisted)


def check_completeness(found: Found, looks: list[Look], damaged: list[Fault]) -> tuple[Completeness, list[Fault]]:
    """Return an output's completeness and faults: invalid receipts, and shards that contradict a receipt or footer."""
    names = [name for name in found.listed(RECEIPTS) if name.endswith(".json")]
    read = list(each(lambda name: _receipt(found, name), names, "receipts"))
    receipts = {receipt.bucket: receipt for receipt in read if isinstance(receipt, BucketReceipt)}
    faults = [fault for fault in read if isinstance(fault, Fault)]
    listed = {name: shard for receipt in receipts.values() for name, shard in receipt.shards.items()}
    there = {shard.name for shard in found.shards}
    numbers = [receipt.num_buckets for receipt in receipts.values()]
    numbers += [look.provenance["num_shards"] for look in looks if isinstance(look.provenance.get("num_shards"), int)]
    buckets = max(numbers, default=None)
    whole = found.kind == "explanations"  # for part of an output, only the shards in it can be compared
    spool = found.listed("_spool") if whole else []
    counts = list(each(lambda name: _answers(found, name), spool, "spool"))
    faults += [count for count in counts if isinstance(count, Fault)]
    made = Completeness(
        buckets=buckets,
        receipts=len(receipts),
        unfinished=tuple(n for n in range(buckets or 0) if n not in receipts) if whole else (),
        pending=sum(receipt.pending for receipt in receipts.values()),
        unsent=sum(receipt.unsent for receipt in receipts.values()),
        missing=tuple(sorted(listed.keys() - there)) if whole else (),
        unlisted=tuple(sorted(there - listed.keys() - {fault.name for fault in damaged})),
        spooled={name: count for name, count in zip(spool, counts, strict=True) if isinstance(count, int)},
        half_written=found.half_written,
        writers=tuple(_text(found, name) for name in found.listed("_writers")) if whole else (),
    )
    return made, [*faults, *_not_as_listed(looks, listed)]


def _receipt(found: Found, name: str) -> BucketReceipt | Fault:
    try:
        return parse_receipt(found.read(name))
    except ReceiptVersionError as error:
        return Fault(name, visible(str(error), 200))
    except (OSError, ContractError) as error:
        return Fault(name, f"the file is not a valid receipt: {visible(str(error), 200)}")


def _not_as_listed(looks: list[Look], listed: dict[str, ShardReceipt]) -> list[Fault]:
    """Report shards whose content contradicts their footer or receipt; their rows are still shown."""
    faults = []
    for look in looks:
        statuses: dict[str, int] = {}
        for (_, status), count in look.counts.items():
            statuses[status] = statuses.get(status, 0) + count
        footer = look.provenance.get("counts")
        if footer is not None and footer != statuses:
            why = f"the rows by status are {statuses}, but the footer says {visible(str(footer), 200)}"
            faults.append(Fault(look.name, why, shown=True))
        receipt = listed.get(look.name)
        if receipt and (receipt.size, receipt.rows, receipt.statuses) != (look.size, look.rows, statuses):
            why = (
                f"the shard differs from its receipt: {look.rows:,} rows in {look.size:,} bytes instead of "
                f"{receipt.rows:,} rows in {receipt.size:,} bytes, or other statuses"
            )
            faults.append(Fault(look.name, why, shown=True))
    return faults


def _answers(found: Found, name: str) -> int | Fault:
    """Count the answers in a spool file, ignoring an unfinished last line."""
    try:
        lines = _read_if_there(found, name).split(b"\n")[:-1]
    except OSError as error:
        return Fault(name, f"the answers cannot be read: {visible(str(error), 200)}")
    return sum(not line.startswith(b'{"session"') for line in lines)


def _text(found: Found, name: str) -> str:
    try:
        return visible(_read_if_there(found, name).decode("utf-8", "replace"), 200)
    except OSError:  # a folder in its place
        return f"unknown ({name})"


def _read_if_there(found: Found, name: str) -> bytes:
    """Return a file's content, or b"" if its writer has just removed it."""
    try:
        return found.read(name)
    except FileNotFoundError:
        return b""
