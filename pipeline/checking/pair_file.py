"""Temporary on-disk storage for pairs, so that findings can name rows without keeping all pairs in memory."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

import pyarrow as pa

from pipeline.pair import Pair

_SCHEMA = pa.schema([(field.name, pa.string()) for field in fields(Pair)])
_ROWS_A_BATCH = 4096


class PairFile(AbstractContextManager["PairFile"]):
    """A temporary file of pairs: written once, row by row, then read sequentially or by row number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[Pair] = []
        self._rows = 0
        self._writer = pa.ipc.new_file(str(path), _SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd"))
        self._reader: pa.ipc.RecordBatchFileReader | None = None
        self._held: tuple[int, list[Pair]] = (-1, [])

    def __len__(self) -> int:
        return self._rows

    def __exit__(self, *exc: object) -> None:
        """Finish writing and open the file for reading."""
        self._flush()
        self._writer.close()
        self._reader = pa.ipc.open_file(pa.memory_map(str(self._path)))

    def append(self, pair: Pair) -> None:
        """Append a pair as a new row."""
        self._waiting.append(pair)
        self._rows += 1
        if len(self._waiting) == _ROWS_A_BATCH:
            self._flush()

    def pairs(self) -> Iterator[Pair]:
        """Yield all pairs, in order."""
        for batch in range(-(-self._rows // _ROWS_A_BATCH)):
            yield from self._read(batch)

    def pair(self, row: int) -> Pair:
        """Return the pair at a row number. The batch read last is cached, so reading nearby rows is cheap."""
        batch, place = divmod(int(row), _ROWS_A_BATCH)
        if self._held[0] != batch:
            self._held = (batch, self._read(batch))
        return self._held[1][place]

    def _read(self, batch: int) -> list[Pair]:
        assert self._reader is not None, "leave the context first"
        return [Pair(**row) for row in self._reader.get_batch(batch).to_pylist()]

    def _flush(self) -> None:
        if self._waiting:
            columns = [[getattr(pair, name) for pair in self._waiting] for name in _SCHEMA.names]
            self._writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))
            self._waiting = []
