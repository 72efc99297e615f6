"""Reads text files line by line, in the encoding that their first bytes, or the manifest, say."""

import codecs
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, TextIO, cast

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.readers.encodings import UTF8, errors_of, wide_encoding
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.sources import Source

LONGEST_LINE = 16 * 2**20  # bytes, or characters in encodings other than UTF-8
_HEAD = 64 * 2**10
UNREADABLE = (OSError, EOFError, zlib.error, pa.ArrowException)


class _Joined(io.RawIOBase):
    """The head of a file that has been read from it, and the rest."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = io.BytesIO(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        return self._head.readinto(buffer) or cast(io.BufferedIOBase, self._rest).readinto(buffer)

    def close(self) -> None:
        self._rest.close()
        super().close()


class TextSource:
    """A text file of a dataset that has been opened.

    Attributes:
        head: its first bytes, at most 64 KiB.
        encoding: Python's name of its encoding.
    """

    def __init__(self, source: Source, encoding: str | None = None, notes: ReaderNotes | None = None) -> None:
        """Open a file; `encoding` is the manifest's, and yields to a byte order mark. Raises PipelineError."""
        self.source = source
        file = source.open()
        try:
            self.head = file.read(_HEAD)
        except UNREADABLE as error:
            file.close()
            raise PipelineError(f"{source.location} cannot be read at line 1: {error}") from error
        wide = wide_encoding(self.head) if encoding is None or self.head[:1] in (b"\xff", b"\xfe", b"\0") else None
        self.encoding = wide or encoding or UTF8
        self.is_marked = self.head.startswith(codecs.BOM_UTF8)
        if self.is_marked:
            self.encoding = UTF8
        if notes is not None and wide is not None:
            notes.remark(f"text in {wide.upper()}: {source.location}")
        if notes is not None:
            notes.is_marked_utf8 |= self.is_marked
        self.file = io.BufferedReader(_Joined(self.head, file), 2**20)

    def text(self) -> TextIO:
        """Return the file as a stream of text, without its byte order mark."""
        self.skip_mark()
        return io.TextIOWrapper(self.file, self.encoding, errors_of(self.encoding), newline="\n")

    def skip_mark(self) -> None:
        """Read over a UTF-8 byte order mark; the other marks are read by their decoders."""
        if self.is_marked:
            self.file.read(len(codecs.BOM_UTF8))

    def lines(self) -> Iterator[str]:
        """Yield the lines including their newlines; bytes that are not in the encoding become lone surrogates.

        Raises:
            PipelineError: the file cannot be read, or a line is longer than 16 MiB.
        """
        number = 0
        try:
            with self.file:
                for line in self._lines():
                    number += 1
                    if len(line) > LONGEST_LINE:
                        raise PipelineError(
                            f"{self.source.location}, line {number:,}: the line is over {LONGEST_LINE:,} bytes long"
                        )
                    yield line
        except UNREADABLE as error:
            raise PipelineError(f"{self.source.location} cannot be read at line {number + 1:,}: {error}") from error

    def _lines(self) -> Iterator[str]:
        if self.encoding != UTF8:
            text = self.text()
            while line := text.readline(LONGEST_LINE + 1):
                yield line
            return
        self.skip_mark()
        while raw := self.file.readline(LONGEST_LINE + 1):
            yield raw.decode(UTF8, "surrogateescape")
