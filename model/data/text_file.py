"""Texts of many rows in a temporary Arrow file, mapped into memory."""

import os
import tempfile
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from model.data.mapped_file import MappedFile

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
        return TextFile(MappedFile(os.dup(self._file.fileno())))


class TextFile:
    """Texts by column and position in the file. Goes to another process as an open file."""

    def __init__(self, file: MappedFile) -> None:
        self._file = file
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(file.memory)))
        self.batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        self._starts = np.cumsum([0] + [batch.num_rows for batch in self.batches])

    def __reduce__(self) -> Any:
        return TextFile, (self._file,)

    def text(self, column: str, position: int) -> Any:
        """One text, None where it is null."""
        batch = int(np.searchsorted(self._starts, position, side="right")) - 1
        return self.batches[batch].column(column)[int(position - self._starts[batch])].as_py()
