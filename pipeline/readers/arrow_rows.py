"""Rows of Arrow batches as Python has them, so few at a time that memory stays bounded whatever they repeat."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PipelineError
from pipeline.readers.columns import MOST_IN_LIST

_AT_ONCE = 32 * 2**20  # bytes of Python values
_LARGEST_ROW = 2**30


def rows_of(batch: pa.RecordBatch, location: str) -> Iterator[dict[str, Any]]:
    """The rows of a batch by column; texts that are not UTF-8 as bytes.

    Raises:
        PipelineError: a list is longer than 1,000, or a row takes more than 1 GiB; `location` names the file.
    """
    if not len(batch):
        return
    largest = 1
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        longest, count = _extent(column)
        if count > MOST_IN_LIST:
            raise PipelineError(f"{location}, column {name}: a list of {count:,}; {MOST_IN_LIST:,} are the most")
        if longest * count > _LARGEST_ROW:
            raise PipelineError(f"{location}, column {name}: a row of {longest * count:,} bytes, as bombs have")
        largest += longest * count
    step = max(1, min(len(batch), _AT_ONCE // largest))
    for start in range(0, len(batch), step):
        values = [_python(column.slice(start, step)) for column in batch.columns]
        for row in zip(*values, strict=True):
            yield dict(zip(batch.schema.names, row, strict=True))


def _extent(column: pa.Array) -> tuple[int, int]:
    """Bytes of the longest value in a column, and how many one row can have."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _extent(column.dictionary)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        longest, count = _extent(column.flatten())
        return longest, count * max(1, pc.max(pc.list_value_length(column)).as_py() or 0)
    if pa.types.is_struct(kind):
        parts = [_extent(part) for part in column.flatten()]
        return sum(longest for longest, _ in parts), max((count for _, count in parts), default=1)
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or pa.types.is_large_binary(kind):
        return pc.max(pc.binary_length(column)).as_py() or 0, 1
    if pa.types.is_large_string(kind):
        return pc.max(pc.binary_length(column)).as_py() or 0, 1
    return 16, 1


def _python(column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:  # a text that is none; a nested one stays an error
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        return list(plain.view(pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()).to_pylist())
