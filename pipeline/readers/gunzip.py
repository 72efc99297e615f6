"""Streaming decompression of .gz files, with a limit that refuses decompression bombs."""

import io
import zlib
from typing import BinaryIO

from pipeline.errors import PipelineError

_CHUNK = 2**16
_HARMLESS = 16 * 2**20  # bytes; output up to this size is always accepted
HIGHEST_RATIO = 200  # text compresses 3 to 20 times; gzip compresses zeros 1,032 times


class Gunzip(io.RawIOBase):
    """The content of a .gz file, which may have several members. Holds one chunk in memory."""

    def __init__(self, raw: BinaryIO, location: str) -> None:
        """Wrap `raw`; `location` names the file in errors."""
        self._raw = raw
        self._location = location
        self._inflate = zlib.decompressobj(wbits=31)
        self._in = self._out = 0
        self._held = b""
        self._ended = False
        self._began = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer. Raises PipelineError if the file is not gzip, is cut off, or is a bomb."""
        view = memoryview(buffer)
        while not self._ended:
            if not self._held and not self._inflate.unconsumed_tail:
                self._held = self._raw.read(_CHUNK)
                self._in += len(self._held)
                if not self._held:
                    if self._began and not self._inflate.eof:
                        raise PipelineError(f"{self._location}: this .gz file is cut off")
                    self._ended = True
                    break
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(wbits=31)
                self._began = False
            given, self._held = self._inflate.unconsumed_tail or self._held, b""
            self._began = True
            try:
                content = self._inflate.decompress(given, len(view))
            except zlib.error as error:
                raise PipelineError(f"{self._location}: not a .gz file, despite its name: {error}") from error
            if self._inflate.eof:
                self._held = self._inflate.unused_data.lstrip(b"\0")  # some writers pad members with zeros
            self._out += len(content)
            if self._out > max(_HARMLESS, HIGHEST_RATIO * self._in):
                raise PipelineError(
                    f"{self._location}: unpacks to more than {HIGHEST_RATIO} times its size, like a decompression "
                    "bomb; if you trust it, unpack it and name the unpacked file"
                )
            if content:
                view[: len(content)] = content
                return len(content)
        return 0

    def close(self) -> None:
        """Close this stream and the underlying file."""
        self._raw.close()
        super().close()
