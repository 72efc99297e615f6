"""Checks shards by their footers alone: what they say of themselves, against their names and receipts.

This is cheap enough for every run: a few kilobytes of each shard are read, whatever its size.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from entityclip.contract.errors import ContractError
from entityclip.contract.plausible import check_row_counts
from entityclip.contract.receipts import ShardReceipt
from entityclip.contract.schema import SCHEMA, SCHEMA_VERSION, provenance_of
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage
from pipeline.files.visible_text import visible
from pipeline.shards.shard import ShardFile, shard_name, shard_place

UNREADABLE = (OSError, pa.ArrowException, ValueError, MemoryError)  # what reading a damaged Parquet file raises


@dataclass(frozen=True)
class Fault:
    """A file that is not what its name and its receipt say.

    Attributes:
        why: what is wrong, as the end of a sentence that begins with the file's name.
        belongs: the name that the shard should have, if its footer names another one.
    """

    name: str
    why: str
    belongs: str | None = None


@dataclass(frozen=True)
class Footer:
    """Number of rows and provenance of a shard."""

    rows: int
    provenance: dict[str, Any]


def read_footer(storage: Storage, name: str) -> Footer:
    """Read a shard's footer.

    Raises:
        PermissionError: the file may not be read, which is no damage.
        ContractError: the file is readable, but is not an explanation shard.
        OSError, ArrowException, ValueError, MemoryError: the footer is damaged.
    """
    with storage.open(name) as file, pq.ParquetFile(file) as parquet:
        schema = parquet.schema_arrow
        provenance = provenance_of(schema)
        if missing := [column for column in SCHEMA.names if column not in schema.names]:
            raise ContractError(f"columns are missing: {', '.join(missing)}")
        check_plausible(parquet, file.size())
        return Footer(parquet.metadata.num_rows, provenance)


def check_plausible(parquet: pq.ParquetFile, size: int) -> None:
    """Raise ValueError, as for other damage, if a footer promises rows that a file of this size cannot have."""
    try:
        check_row_counts(parquet.metadata, size)
    except ContractError as error:
        raise ValueError(str(error)) from error


def why_unreadable(error: BaseException) -> str:
    """Return why a shard cannot be read, as the end of a sentence that begins with its name."""
    return f"cannot be read as Parquet ({visible(str(error), 150)})"


def differs(found: str, wanted: str) -> str:
    """Return that a shard's SHA-256 is not the one in its receipt, as the end of a sentence."""
    return f"has the SHA-256 {found[:16]}..., but its receipt says {wanted[:16]}..."


def footer_fault(storage: Storage, file: ShardFile, dataset: str, receipt: ShardReceipt | None) -> Fault | None:
    """Return what is wrong with a shard according to its size, footer and receipt; None if nothing is.

    Raises:
        PipelineError: a shard that no receipt lists is of another dataset, of another schema version, or no explanation
            shard at all: that is no damage, but a wrong folder.
    """
    try:
        footer = read_footer(storage, file.name)
    except PermissionError:
        raise
    except ContractError as error:
        if receipt is None:
            raise PipelineError(f"{file.name}: {error}; choose another output folder") from error
        return Fault(file.name, f"is not the shard of its receipt: {visible(str(error), 150)}")
    except UNREADABLE as error:
        return Fault(file.name, why_unreadable(error))
    made = footer.provenance
    if (of := made.get("dataset")) != dataset:
        if receipt is None:
            raise PipelineError(wrong_dataset("the output", file.name, of, dataset))
        return Fault(file.name, f"is a shard of dataset {visible(repr(of), 80)}, not of {dataset!r}")
    if receipt is not None and made.get("schema_version") != SCHEMA_VERSION:
        return Fault(file.name, f"has schema version {made.get('schema_version')}, but its receipt {SCHEMA_VERSION}")
    return misplaced(file.name, made) or _differs(file, footer, receipt)


def wrong_dataset(output: object, name: str, found: object, dataset: str) -> str:
    """Return the message for a shard of another dataset."""
    return (
        f"{output} contains shards of dataset {found!r} ({name}), not of {dataset!r}; "
        "set another output folder in the manifest, or move the existing one"
    )


def misplaced(name: str, made: dict[str, Any]) -> Fault | None:
    """Return a fault if a shard's footer names another split, number or number of shards than its name does."""
    place = tuple(made.get(key) for key in ("split", "shard", "num_shards"))
    if place == shard_place(name) or not (isinstance(place[1], int) and isinstance(place[2], int)):
        return None
    belongs = shard_name(str(place[0]), place[1], place[2])
    is_split = isinstance(place[0], str) and place[0].isascii() and place[0].isidentifier() and len(place[0]) <= 64
    if not is_split or shard_place(belongs) is None:
        return Fault(name, f"says in its footer that it is {visible(belongs, 100)}, which is no shard")
    return Fault(name, f"holds the rows of {visible(belongs, 100)}", belongs)


def _differs(file: ShardFile, footer: Footer, receipt: ShardReceipt | None) -> Fault | None:
    counts = footer.provenance.get("counts")
    if isinstance(counts, dict) and sum(counts.values()) != footer.rows:
        return Fault(file.name, f"has {footer.rows:,} rows, but its footer counts {sum(counts.values()):,}")
    if receipt is None:
        return None
    if file.size != receipt.size:
        return Fault(file.name, f"has {file.size:,} bytes, but its receipt {receipt.size:,}")
    if footer.rows != receipt.rows or (isinstance(counts, dict) and counts != receipt.statuses):
        return Fault(
            file.name, f"has {footer.rows:,} rows {counts}, but its receipt {receipt.rows:,} {receipt.statuses}"
        )
    return None
