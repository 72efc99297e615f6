"""Reads records from Parquet files in small batches of rows."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import PipelineError
from pipeline.manifest.datasets import Columns
from pipeline.readers.columns import MOST_IN_LIST, USUAL, Record
from pipeline.readers.sources import Source

_AT_ONCE = 32 * 2**20  # bytes of Python values to hold at once
_LARGEST_ROW = 2**30
MOST_ROWS = 64  # rows per batch; 1 if images may be embedded
HIGHEST_RATIO = 1_000  # row group's declared uncompressed size / size of the file
_HARMLESS = 256 * 2**20
_FOOTER = {"thrift_string_size_limit": 64 * 2**20, "thrift_container_size_limit": 2**20}


def rows_of(batch: pa.RecordBatch, location: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch as dicts by column; bytes in strings that are not UTF-8 become lone surrogates.

    Raises:
        PipelineError: a list has more than 1,000 values, or a row takes more than 1 GiB; the message names `location`.
    """
    if not len(batch):
        return
    largest = 1
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        longest, count = _extent(column)
        if count > MOST_IN_LIST:
            raise PipelineError(f"{location}, column {name}: {count:,} values in a list; the limit is {MOST_IN_LIST:,}")
        if longest * count > _LARGEST_ROW:
            raise PipelineError(f"{location}, column {name}: a row exceeds the limit of {_LARGEST_ROW:,} bytes")
        largest += longest * count
    step = max(1, min(len(batch), _AT_ONCE // largest))
    for start in range(0, len(batch), step):
        values = [_python(column.slice(start, step)) for column in batch.columns]
        for row in zip(*values, strict=True):
            yield dict(zip(batch.schema.names, row, strict=True))


def _extent(column: pa.Array) -> tuple[int, int]:
    """Return the size in bytes of the longest value in a column, and the largest number of values in a row."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _extent(column.dictionary)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        longest, count = _extent(column.flatten())
        return longest, count * max(1, pc.max(pc.list_value_length(column)).as_py() or 0)
    if pa.types.is_struct(kind):
        parts = [_extent(part) for part in column.flatten()]
        return sum(longest for longest, _ in parts), max((count for _, count in parts), default=1)
    if kind in (pa.string_view(), pa.binary_view()):
        return 1 + column.nbytes, 1
    if pa.types.is_fixed_size_binary(kind):
        return kind.byte_width, 1
    if kind in (pa.binary(), pa.large_binary(), pa.string(), pa.large_string()):
        return pc.max(pc.binary_length(column)).as_py() or 0, 1
    return 16, 1


def _python(column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        kind = plain.type
        return [_with_text(value, kind) for value in plain.cast(_as_binary(kind)).to_pylist()]


def _as_binary(kind: pa.DataType) -> pa.DataType:
    """Return a type with binary values in place of its strings, also in lists and structs."""
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(_as_binary(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_as_binary(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_binary(field.type)) for field in kind])
    return kind


def _with_text(value: Any, kind: pa.DataType) -> Any:
    """Return a value of the type `_as_binary(kind)` with its strings decoded; other bytes become lone surrogates."""
    if value is None:
        return None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return value.decode("utf-8", "surrogateescape")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_with_text(one, kind.value_type) for one in value]
    if pa.types.is_struct(kind):
        return {field.name: _with_text(value[field.name], field.type) for field in kind}
    return value


def read_parquet(sources: list[Source], columns: Columns | None) -> Iterator[Record]:
    """Stream the rows of the files, reading only the columns that may be needed, or all columns if `columns` is None.

    Raises:
        PipelineError: a file is not Parquet, is incomplete, has unreadable columns, or is a decompression bomb.
    """
    for source in sources:
        with source.open_raw() as raw:
            yield from _records(source, raw, columns)


def _records(source: Source, raw: Any, columns: Columns | None) -> Iterator[Record]:
    number = 0
    try:
        file = pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20, **_FOOTER)
        names = file.schema_arrow.names
        if twice := sorted({name for name in names if names.count(name) > 1})[:5]:
            raise PipelineError(f"{source.location} has duplicate columns: {', '.join(map(repr, twice))}")
        wanted = names if columns is None else _wanted(source, names, columns)
        may_embed_images = any("binary" in str(file.schema_arrow.field(name).type) for name in wanted)
        most = 1 if may_embed_images else MOST_ROWS
        raw.seek(0, 2)
        size = raw.tell()
        for group in range(file.num_row_groups):
            rows = min(most, _rows_a_batch(source, file.metadata.row_group(group), group, size))
            for batch in file.iter_batches(rows, row_groups=[group], columns=wanted, use_threads=False):
                for fields in rows_of(batch, source.location):
                    number += 1
                    yield Record((source.location, "row", number), fields, split=source.split)
    except PipelineError:
        raise
    except (OSError, ValueError, pa.ArrowException, MemoryError, OverflowError) as error:
        reason = "it does not fit into memory" if isinstance(error, MemoryError) else str(error)[:500]
        raise PipelineError(f"{source.location} cannot be read as Parquet after row {number:,}: {reason}") from error


def _wanted(source: Source, names: list[str], columns: Columns) -> list[str]:
    """Return the columns to read: those set in the manifest, and the usual columns for the other roles."""
    wanted: set[str] = set()
    for role, named in dict(columns).items():
        usual = USUAL[role] if named is None else (named,)
        found = {name for name in names if any(column == name or column.startswith(f"{name}.") for column in usual)}
        if not found and (named is not None or role in ("image", "caption")):
            missing = f"with {role}s" if named is None else repr(named)
            shown = ", ".join(name[:60] for name in names[:30]) or "none"
            raise PipelineError(
                f"{source.location} has no column {missing}; the columns are {shown}; set "
                f"dataset.columns.{role} to the right one"
            )
        wanted |= found
    return [name for name in names if name in wanted]


def _rows_a_batch(source: Source, described: pq.RowGroupMetaData, group: int, size: int) -> int:
    """Return how many rows fit into a batch of 256 MiB in the worst case, if each value is as large as the row group.

    Uses the declared size of the row group and not the sizes of its columns, because Arrow aborts the process if the
    metadata of the columns is inconsistent.
    """
    total = max(described.total_byte_size, 1)
    if total > _HARMLESS and total > HIGHEST_RATIO * size:
        raise PipelineError(
            f"{source.location}: row group {group} unpacks to {total:,} bytes, but the file has only {size:,} bytes; "
            "it may be a decompression bomb. If you trust the file, rewrite it without compression"
        )
    return max(1, _HARMLESS // total)
