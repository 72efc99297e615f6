"""Texts of many rows in a temporary Arrow file, mapped into memory: what is not being read costs no memory.

The file has no name once it is written, so it vanishes with the last process that reads it, however that ends.
"""

import mmap
import os
import tempfile
from multiprocessing import reduction
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

COLUMNS = ("id", "path", "picture", "caption", "topic", "explanation", "key")
_SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])


class TextWriter:
    """Writes a TextFile chunk by chunk."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="entityclip-texts-")  # noqa: SIM115
        self._sink = pa.PythonFile(self._file, mode="w")
        self._writer = pa.ipc.new_file(self._sink, _SCHEMA)

    def add(self, texts: pa.Table) -> None:
        """Add rows with the columns COLUMNS. Raises OSError: no room on the disk."""
        self._writer.write_table(texts.select(COLUMNS).cast(_SCHEMA))

    def finish(self) -> "TextFile":
        """The file, with the rows in the order in which they came."""
        self._writer.close()
        self._file.flush()
        return TextFile(os.dup(self._file.fileno()))


class TextFile:
    """Texts by column and position in the file. Goes to another process as an open file."""

    def __init__(self, file: int) -> None:
        """Take over an open file, by its descriptor."""
        self._file = file
        mapped = mmap.mmap(file, 0, prot=mmap.PROT_READ)
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped)))
        self.batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        self._starts = np.cumsum([0] + [batch.num_rows for batch in self.batches])

    def __reduce__(self) -> Any:
        return _opened, (reduction.DupFd(self._file),)

    def __del__(self) -> None:
        os.close(self._file)

    def text(self, column: str, position: int) -> Any:
        """One text, None where it is null."""
        batch = int(np.searchsorted(self._starts, position, side="right")) - 1
        return self.batches[batch].column(column)[int(position - self._starts[batch])].as_py()


def _opened(file: Any) -> TextFile:
    return TextFile(file.detach())
