"""Records from Parquet, a small batch of rows at a time."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.datasets import Columns
from pipeline.errors import PipelineError
from pipeline.readers.arrow_rows import rows_of
from pipeline.readers.columns import USUAL, Record
from pipeline.readers.sources import Source

MOST_ROWS = 1_000  # a batch
HIGHEST_RATIO = 1_000  # of a column in a row group, unpacked and packed
_BATCH_BYTES = 32 * 2**20
_LARGEST_CHUNK = 2**31
_HARMLESS = 256 * 2**20
_SMALL = 2**20  # even if each row of a batch repeats all of it
_FOOTER = {"thrift_string_size_limit": 64 * 2**20, "thrift_container_size_limit": 2**20}


def read_parquet(sources: list[Source], columns: Columns) -> Iterator[Record]:
    """Stream the rows of the files; only columns that may matter are read.

    Raises:
        PipelineError: a file is no Parquet or half of one, its columns cannot be read, or it unpacks as bombs do.
    """
    for source in sources:
        with source.open_raw() as raw:
            yield from _records(source, raw, columns)


def _records(source: Source, raw: Any, columns: Columns) -> Iterator[Record]:
    number = 0
    try:
        metadata = pq.ParquetFile(raw, **_FOOTER).metadata
        names = metadata.schema.to_arrow_schema().names
        if twice := sorted({name for name in names if names.count(name) > 1})[:5]:
            raise PipelineError(f"{source.location}: columns that occur twice: {', '.join(map(repr, twice))}")
        wanted = _wanted(source, names, columns)
        repeated = _repeated(metadata, wanted)
        file = pq.ParquetFile(
            raw, metadata=metadata, read_dictionary=repeated, pre_buffer=False, buffer_size=2**20, **_FOOTER
        )
        for group in range(file.num_row_groups):
            rows = _rows_a_batch(source, metadata.row_group(group), group, wanted)
            for batch in file.iter_batches(rows, row_groups=[group], columns=wanted, use_threads=False):
                for fields in rows_of(batch, source.location):
                    number += 1
                    yield Record((source.location, "row", number), fields, split=source.split)
    except PipelineError:
        raise
    except (OSError, ValueError, pa.ArrowException, MemoryError, OverflowError) as error:
        reason = "it does not fit into memory" if isinstance(error, MemoryError) else str(error)[:500]
        raise PipelineError(f"{source.location}, after row {number:,}: cannot be read as Parquet: {reason}") from error


def _wanted(source: Source, names: list[str], columns: Columns) -> list[str]:
    """The columns that a record may be made of: those that the manifest names, and the usual ones of other roles."""
    wanted: set[str] = set()
    for role, named in dict(columns).items():
        usual = USUAL[role] if named is None else (named,)
        found = {name for name in names if any(column == name or column.startswith(f"{name}.") for column in usual)}
        if not found and (named is not None or role in ("image", "caption")):
            missing = f"with {role}s" if named is None else repr(named)
            shown = ", ".join(name[:60] for name in names[:30]) or "none"
            raise PipelineError(
                f"{source.location}: no column {missing}; it has {shown}; name the right one in dataset.columns.{role}"
            )
        wanted |= found
    return [name for name in names if name in wanted]


def _repeated(metadata: pq.FileMetaData, wanted: list[str]) -> list[str]:
    """Large columns whose values are written once and named by their numbers; they stay so in memory."""
    repeated = set()
    for group in range(metadata.num_row_groups):
        described = metadata.row_group(group)
        for place in range(described.num_columns):
            column = described.column(place)
            is_large = column.physical_type == "BYTE_ARRAY" and column.total_uncompressed_size > _SMALL
            if is_large and any("DICTIONARY" in encoding for encoding in column.encodings):
                repeated.add(column.path_in_schema)
    return sorted(path for path in repeated if path.partition(".")[0] in wanted)


def _rows_a_batch(source: Source, described: pq.RowGroupMetaData, group: int, wanted: list[str]) -> int:
    """So many rows that a batch takes about 32 MiB, by what the file says of itself."""
    total = 0
    for place in range(described.num_columns):
        column = described.column(place)
        if column.path_in_schema.partition(".")[0] not in wanted:
            continue
        size, packed = column.total_uncompressed_size, max(column.total_compressed_size, 1)
        if size > _LARGEST_CHUNK or (size > _HARMLESS and size > HIGHEST_RATIO * packed):
            raise PipelineError(
                f"{source.location}, row group {group}: column {column.path_in_schema} unpacks {packed:,} bytes to "
                f"{size:,}, as bombs do; if it is what it should be, write the file anew with smaller row groups"
            )
        total += max(size, 0)
    rows = max(described.num_rows, 1)
    return max(1, min(MOST_ROWS, _BATCH_BYTES * rows // max(total, 1)))
