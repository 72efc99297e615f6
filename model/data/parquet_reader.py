"""Reads explanation shards, row group by row group, into a TripleTable."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from entityclip.contract.errors import ContractError
from entityclip.contract.plausible import check_row_counts
from entityclip.contract.status import Status
from model.data.receipts import how_to_make
from model.data.text_file import TextWriter
from model.data.triple_table import ROW_INDEX, TripleTable
from model.errors import ModelError

_COLUMNS = ["id", "image.path", "caption", "topic", "explanation", "status", "key"]


class TripleReader:
    """Collects the usable rows of shards.

    Attributes:
        counts: number of rows by status.
        used: number of usable rows by status.
    """

    def __init__(self, statuses: tuple[str, ...] | None) -> None:
        """Treat rows with one of `statuses` as usable; None: all rows with a caption."""
        self._statuses = statuses
        self._texts = TextWriter()
        self._index: list[np.ndarray] = []  # entries of usable rows, by row group
        self._roots: dict[Path, int] = {}
        self._ids: list[pa.Array] = []  # ids of all rows, usable or not
        self._usable: list[np.ndarray] = []
        self._ends: list[int] = []  # cumulative number of rows at the end of each shard
        self.counts: Counter[str] = Counter()
        self.used: Counter[str] = Counter()

    def read(self, shard: int, path: Path, root: Path) -> Counter[str]:
        """Read a shard; return row counts by status. Raises ModelError if it is unreadable or lacks an explanation."""
        found: Counter[str] = Counter()
        try:
            with pq.ParquetFile(path) as file:  # read_table would add a column for the folder split=...
                check_row_counts(file.metadata, path.stat().st_size)
                for group in range(file.num_row_groups):
                    found += self._read_group(file, shard, group, path, root)
        except (OSError, pa.ArrowException, UnicodeDecodeError, MemoryError, ContractError) as error:
            raise ModelError(unreadable(path, error)) from error
        self._ends.append(sum(map(len, self._ids)))
        self.counts += found
        return found

    def rows(self, paths: list[Path]) -> TripleTable:
        """Return the usable rows, sorted by id. Raises ModelError for a duplicate id."""
        ids = pa.concat_arrays(self._ids)
        order = pc.sort_indices(ids).to_numpy().astype(np.int64)
        in_order = ids.take(order)
        repeated = pc.equal(in_order[1:], in_order[:-1]).to_numpy(zero_copy_only=False)
        if repeated.any():
            where = int(repeated.argmax())
            both = " and ".join(
                paths[int(np.searchsorted(self._ends, position, side="right"))].name
                for position in sorted(order[where : where + 2])
            )
            raise ModelError(
                f"{paths[0].parent}: id {in_order[where].as_py()!r} occurs twice, in {both}; delete the outdated shards"
            )
        usable = np.concatenate(self._usable)
        position = np.cumsum(usable) - 1  # in the text file, which holds only usable rows
        text = position[order[usable[order]]]
        index = np.concatenate(self._index)[text]
        index["text"] = text
        return TripleTable(self._texts.finish(), index, tuple(self._roots), paths)

    def _read_group(self, file: pq.ParquetFile, shard: int, group: int, path: Path, root: Path) -> Counter[str]:
        table = file.read_row_group(group, columns=_COLUMNS)
        status = table["status"].cast(pa.string())
        self._ids.append(table["id"].cast(pa.string()).combine_chunks())
        if self._statuses is None:
            usable = pc.not_equal(pc.utf8_trim_whitespace(table["caption"].cast(pa.string())), "")
        else:
            # A truncated row has an empty explanation if the LLM's thinking never ended.
            has_text = pc.fill_null(pc.not_equal(table["explanation"].cast(pa.string()), ""), True)
            usable = pc.and_(pc.is_in(status, value_set=pa.array(self._statuses)), has_text)
        self._usable.append(usable.combine_chunks().to_numpy(zero_copy_only=False))
        self.used += _counted(status.filter(usable))
        packed, pictures = _packed(file, group)
        paths = pc.struct_field(table["image"].combine_chunks(), "path")
        texts = {name: table[name] for name in ("id", "caption", "topic", "explanation", "key")}
        rows = pa.table({**texts, "path": paths, "picture": _digests(pictures, paths)}).filter(usable)
        mask = self._usable[-1]
        if self._statuses is not None and rows["explanation"].null_count:
            bad = pc.index(rows["explanation"].is_null(), True).as_py()
            raise ModelError(
                f"{path}: row {rows['id'][bad].as_py()!r} has status {status.filter(usable)[bad].as_py()} "
                "but no explanation"
            )
        known_bad = pc.equal(status, Status.BAD_IMAGE.value).combine_chunks().to_numpy(zero_copy_only=False)
        index = np.zeros(rows.num_rows, ROW_INDEX)
        index["root"] = self._roots.setdefault(root, len(self._roots))
        index["packed"], index["known_bad"] = packed[mask], known_bad[mask]
        index["shard"], index["group"], index["row"] = shard, group, np.flatnonzero(mask)
        self._index.append(index)
        self._texts.add(rows)
        return _counted(status)


def unreadable(path: Path, error: Exception) -> str:
    """Return the error message for a file that is not valid Parquet."""
    return f"{path} cannot be read as Parquet ({error}); delete it and generate it again with: {how_to_make()}"


def _counted(status: Any) -> Counter[str]:
    return Counter({found["values"]: found["counts"] for found in status.value_counts().to_pylist()})


def _packed(file: pq.ParquetFile, group: int) -> tuple[np.ndarray, pa.Array | None]:
    """Return a mask of the group's rows that have image bytes, and the bytes (None if they need not be read).

    They are read unless the metadata show that no row has bytes, or that all rows have both bytes and a path.
    """
    columns = file.metadata.row_group(group)
    count = columns.num_rows
    found = {columns.column(number).path_in_schema: columns.column(number) for number in range(columns.num_columns)}
    statistics = [found[f"image.{name}"].statistics for name in ("bytes", "path")]
    nulls = [None if one is None else one.null_count for one in statistics]
    if nulls[0] == count:
        return np.zeros(count, bool), None
    if nulls == [0, 0]:
        return np.ones(count, bool), None
    images = file.read_row_group(group, columns=["image.bytes"])["image"].combine_chunks()
    pictures = pc.struct_field(images, "bytes")
    return pictures.is_valid().to_numpy(zero_copy_only=False), pictures


def _digests(pictures: pa.Array | None, paths: pa.Array) -> pa.Array:
    """Return the SHA-256 of the bytes of each image that has no path; null for all other rows."""
    if pictures is None or not paths.null_count:
        return pa.nulls(len(paths), pa.string())
    return pa.array(
        [
            None if path.is_valid or not picture.is_valid else hashlib.sha256(picture.as_buffer()).hexdigest()
            for path, picture in zip(paths, pictures, strict=True)
        ],
        pa.string(),
    )
