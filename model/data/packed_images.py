"""Reads image bytes from the shards, a whole row group at a time, and caches recently used row groups."""

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_KEPT = 2048  # rows cached by default; about 20 KB each


class PackedImages:
    """Reads the shards' column `image.bytes`, caching the most recently used row groups, up to `kept` rows in total."""

    def __init__(self, shards: Sequence[Path], kept: int = _KEPT) -> None:
        self._shards = tuple(shards)
        self._kept = kept
        self._groups: OrderedDict[tuple[int, int], pa.Array] = OrderedDict()
        self._open = lru_cache(64)(pq.ParquetFile)  # keeps shards open, as a shuffled epoch alternates between them

    def __reduce__(self) -> Any:
        """Pickle without the open files and the cache."""
        return PackedImages, (self._shards, self._kept)

    def keeping(self, rows: int) -> "PackedImages":
        """Return a reader of the same shards that caches up to `rows` rows."""
        return PackedImages(self._shards, rows)

    def read(self, shard: int, group: int, row: int) -> bytes:
        """Return the image bytes of a row, given by shard number, row group in the shard, and row in the group."""
        key = (shard, group)
        if key not in self._groups:
            self._groups[key] = self._read_group(shard, group)
            while len(self._groups) > 1 and sum(map(len, self._groups.values())) > self._kept:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return bytes(self._groups[key][row].as_py())

    def _read_group(self, shard: int, group: int) -> pa.Array:
        table = self._open(self._shards[shard]).read_row_group(group, columns=["image.bytes"], use_threads=False)
        return table.column("image").combine_chunks().field("bytes")
