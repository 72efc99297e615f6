"""Reads and writes explanation shards."""

import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from entityclip.contract.errors import ContractError
from entityclip.contract.plausible import check_row_counts
from entityclip.contract.schema import SCHEMA, SCHEMA_VERSION, provenance_of, schema_with
from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage

_NAME = re.compile(r"split=(?P<split>[^/]+)/part-(?P<number>\d{5})-of-(?P<of>\d{5})\.parquet")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a shard; unlike in the file, `image` is only the relative path. See docs/parquet_schema.md."""

    id: str
    split: str
    image: str
    caption: str
    topic: str | None
    status: str
    key: str
    seed: int
    model: str
    revision: str
    explanation: str | None = None
    raw_text: str | None = None
    error: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    clip_tokens: int | None = None

    @property
    def was_sent(self) -> bool:
        """Whether this row was sent to the engine, that is, has a text or an error from the engine."""
        return self.raw_text is not None or self.status == Status.ERROR


_COLUMNS = [field.name for field in fields(Row)]


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard's name (such as `split=train/part-00002-of-00004.parquet`), the numbers in it, and the size in bytes."""

    name: str
    number: int
    num_shards: int
    size: int


@dataclass(frozen=True, slots=True)
class Shard:
    """Content of a shard: rows and provenance (from the footer), with the file's SHA-256 and size in bytes."""

    rows: list[Row]
    provenance: dict[str, Any]
    digest: str
    size: int


class DamagedShardError(PipelineError):
    """A shard whose content cannot be read as Parquet."""


def shard_name(split: str, number: int, num_shards: int) -> str:
    """Return a shard's name, such as `split=train/part-00002-of-00004.parquet`."""
    return f"split={split}/part-{number:05d}-of-{num_shards:05d}.parquet"


def shard_place(name: str) -> tuple[str, int, int] | None:
    """Return the split, the number and the number of shards in a shard's name; None if it is not a shard's name."""
    match = _NAME.fullmatch(name)
    return match and (match["split"], int(match["number"]), int(match["of"]))


def list_shards(storage: Storage) -> list[ShardFile]:
    """List all shards of an output, leaving out half-written temporary files."""
    return [
        ShardFile(file.name, int(match["number"]), int(match["of"]), file.size)
        for file in storage.files()
        if (match := _NAME.fullmatch(file.name))
    ]


def read_shard(storage: Storage, name: str) -> Shard:
    """Read a whole shard.

    Raises:
        DamagedShardError: the file is not valid Parquet.
        PipelineError: it cannot be read, or is not an explanation shard of this schema version.
    """
    try:
        content = storage.read(name)
    except OSError as error:
        raise PipelineError(f"{name} cannot be read ({error})") from error
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as parquet:
            check_row_counts(parquet.metadata, len(content))
            table = parquet.read()
        table.validate(full=True)  # flipped bits may decode to text that is not UTF-8
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        raise DamagedShardError(f"{name} cannot be read ({error}); delete it, so that it is generated again") from error
    try:
        provenance = provenance_of(table.schema)
    except ContractError as error:
        raise PipelineError(f"{name}: {error}; choose another output folder") from error
    if (version := provenance.get("schema_version")) != SCHEMA_VERSION:
        raise PipelineError(
            f"{name} has schema version {version}, but this program writes version {SCHEMA_VERSION}; "
            "choose another output folder"
        )
    try:
        rows = _rows(table)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise DamagedShardError(f"{name} does not have the columns of a shard ({error}); delete it") from error
    return Shard(rows, provenance, hashlib.sha256(content).hexdigest(), len(content))


def _rows(table: pa.Table) -> list[Row]:
    """Return the rows. Raises KeyError, ValueError or ArrowException for columns that are not those of a shard."""
    types = {
        field.name: field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in SCHEMA
    }
    columns = {name: table.column(name) for name in _COLUMNS}
    columns["image"] = pc.struct_field(columns["image"], "path")
    for name, column in columns.items():
        columns[name] = column.cast(pa.string() if name == "image" else types[name])
        if columns[name].null_count and not SCHEMA.field(name).nullable:
            raise ValueError(f"{name} is missing in {columns[name].null_count:,} rows")
    return [Row(*values) for values in zip(*(column.to_pylist() for column in columns.values()), strict=True)]


def write_shard(storage: Storage, name: str, rows: list[Row], provenance: dict[str, Any]) -> tuple[str, int]:
    """Write a shard atomically, with rows sorted by id; return the file's SHA-256 and size in bytes."""
    ordered = sorted(rows, key=lambda row: row.id)
    columns = {name: [getattr(row, name) for row in ordered] for name in SCHEMA.names}
    columns["image"] = [{"bytes": None, "path": row.image} for row in ordered]
    schema = schema_with({**provenance, "counts": count_statuses(ordered)})
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer, compression="zstd")
    content = buffer.getvalue()
    storage.write(name, content)
    return hashlib.sha256(content).hexdigest(), len(content)


def count_statuses(rows: list[Row]) -> dict[str, int]:
    """Count rows by status, in the order of `Status`, leaving out zeros."""
    counts = Counter(row.status for row in rows)
    return {status.value: counts[status.value] for status in Status if counts[status.value]}
