"""Reads a shard's footer and the few narrow columns needed for histograms, but no texts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from entityclip.contract.errors import ContractError
from entityclip.contract.plausible import check_row_counts
from entityclip.contract.schema import SCHEMA_VERSION, provenance_of
from pipeline.errors import PipelineError
from pipeline.files.storage import StoredFile
from pipeline.files.visible_text import visible
from pipeline.inspect.find import Found

_LABELS = ("split", "status", "finish_reason")
_NUMBERS = ("completion_tokens", "clip_tokens")

Tally = Counter[Any]  # number of rows by value; the key None counts rows without a value
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Fault:
    """A damaged or invalid file.

    Attributes:
        shown: whether the rows of the file are used despite the fault.
        foreign: True if the file is not an explanation shard.
    """

    name: str
    why: str
    shown: bool = False
    foreign: bool = False


@dataclass(frozen=True)
class Look:
    """Metadata and counts of one shard.

    Attributes:
        provenance: the footer's `entityclip` entry.
        counts: number of rows by split and status.
        tallies: number of rows by value for `finish_reason`, `completion_tokens` and `clip_tokens`, if they exist.
    """

    name: str
    size: int
    rows: int
    provenance: dict[str, Any]
    counts: Counter[tuple[str, str]]
    tallies: dict[str, Tally] = field(default_factory=dict)


def look_at_shards(found: Found) -> tuple[list[Look], list[Fault]]:
    """Read all shards concurrently. Return results sorted by name, and faults for files that cannot be used."""
    outcomes = list(each(lambda shard: _try_look(found, shard), found.shards, "shards"))
    return [o for o in outcomes if isinstance(o, Look)], [o for o in outcomes if isinstance(o, Fault)]


def each(function: Callable[[T], R], items: Iterable[T], what: str) -> Iterator[R]:
    """Apply a function to items concurrently; yield results in order. After 2 s, a terminal shows a progress bar."""
    items = list(items)
    with ThreadPoolExecutor(8) as pool:
        yield from tqdm(pool.map(function, items), what, len(items), leave=False, delay=2, disable=None)


def read_columns(found: Found, shard: str, columns: list[str]) -> pa.Table:
    """Read some columns of a shard. Raises PipelineError if it has become unreadable."""
    try:
        with found.filesystem.open_input_file(found.path(shard)) as file, pq.ParquetFile(file) as parquet:
            return parquet.read(columns)
    except (OSError, pa.ArrowException) as error:
        raise PipelineError(f"{shard}: {unreadable(error)}") from error


def unreadable(error: Exception) -> str:
    """Return one short line that says why a file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return "the file is gone: deleted, or replaced by another one, since this program started; start it again"
    return f"the file cannot be read as Parquet ({visible(str(error), 200)})"


def _try_look(found: Found, shard: StoredFile) -> Look | Fault:
    try:
        with found.filesystem.open_input_file(found.path(shard.name)) as file, pq.ParquetFile(file) as parquet:
            return _look(shard, parquet)
    except ContractError as error:
        return Fault(shard.name, visible(str(error), 200), foreign=True)
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        return Fault(shard.name, unreadable(error))


def _look(shard: StoredFile, parquet: pq.ParquetFile) -> Look:
    schema = parquet.schema_arrow
    provenance = provenance_of(schema)
    if missing := [name for name in ("id", "split", "status") if name not in schema.names]:
        version = provenance.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise ContractError(
                f"written by a newer EntityCLIP (schema version {version}; this one reads {SCHEMA_VERSION}), and "
                f"without the columns {', '.join(missing)}; update EntityCLIP to read it"
            )
        raise ContractError(f"this is not an explanation shard; missing columns: {', '.join(missing)}")
    try:
        check_row_counts(parquet.metadata, shard.size)
    except ContractError as error:
        raise ValueError(str(error)) from error
    narrow = parquet.read([name for name in (*_LABELS, *_NUMBERS) if name in schema.names], use_threads=False)
    tallies = {name: _tally(narrow[name]) for name in ("finish_reason", *_NUMBERS) if name in narrow.column_names}
    return Look(
        name=shard.name,
        size=shard.size,
        rows=parquet.metadata.num_rows,
        provenance=provenance,
        counts=_by_split_and_status(narrow),
        tallies=tallies,
    )


def _by_split_and_status(table: pa.Table) -> Counter[tuple[str, str]]:
    labels = pa.table({name: _plain(table[name]) for name in ("split", "status")})
    grouped = labels.group_by(["split", "status"], use_threads=False).aggregate([([], "count_all")])
    return Counter({(row["split"], row["status"]): row["count_all"] for row in grouped.to_pylist()})


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _tally(column: pa.ChunkedArray) -> Tally:
    counted = pc.value_counts(_plain(column))
    return Counter(dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)))
