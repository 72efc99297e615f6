"""The texts of a split's rows in a memory-mapped temporary Arrow file."""

import os
import tempfile
from typing import Any, BinaryIO

import pyarrow as pa

from model.data.mapped_file import MappedFile

COLUMNS = ("id", "path", "picture", "caption", "topic", "explanation", "key")
_SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])


class TextWriter:
    """Writes a TextFile in chunks."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="entityclip-texts-")  # noqa: SIM115
        self._sink = pa.PythonFile(self._file, mode="w")
        self._writer = pa.ipc.new_file(self._sink, _SCHEMA)

    def add(self, texts: pa.Table) -> None:
        """Append rows; `texts` has the columns COLUMNS. Raises OSError if the disk is full."""
        self._writer.write_table(texts.select(COLUMNS).cast(_SCHEMA))

    def finish(self) -> "TextFile":
        """Return the file, with rows in the order they were added."""
        self._writer.close()
        self._file.flush()
        return TextFile(MappedFile(os.dup(self._file.fileno())))


class TextFile:
    """Texts, looked up by column and position in the file; pickling passes another process the file descriptor."""

    def __init__(self, file: MappedFile) -> None:
        self._file = file
        self.table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(file.memory))).read_all()

    def __reduce__(self) -> Any:
        return TextFile, (self._file,)

    def text(self, column: str, position: int) -> Any:
        """Return a text, or None if it is null."""
        return self.table[column][position].as_py()
