"""A .gz file as a stream that is unpacked piece by piece, and no bomb."""

import io
import zlib
from typing import BinaryIO

from pipeline.errors import PipelineError

_CHUNK = 2**16
_HARMLESS = 16 * 2**20  # so much may come of anything
HIGHEST_RATIO = 200  # text shrinks 3 to 20 times; gzip can shrink zeros 1,032 times


class Gunzip(io.RawIOBase):
    """The content of a .gz file, several members one after the other included. Memory: a chunk."""

    def __init__(self, raw: BinaryIO, location: str) -> None:
        """`location` names the file in errors."""
        self._raw = raw
        self._location = location
        self._inflate = zlib.decompressobj(wbits=31)
        self._in = self._out = 0
        self._held = b""
        self._ended = False
        self._began = False

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer. Raises PipelineError: no gzip, cut off, or a bomb."""
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
                raise PipelineError(f"{self._location}: not the .gz file that its name says: {error}") from error
            if self._inflate.eof:
                self._held = self._inflate.unused_data.lstrip(b"\0")  # some pad their members
            self._out += len(content)
            if self._out > max(_HARMLESS, HIGHEST_RATIO * self._in):
                raise PipelineError(
                    f"{self._location}: unpacks to more than {HIGHEST_RATIO} times its size, as bombs do; if it is "
                    "what it should be, unpack it and name the unpacked file"
                )
            if content:
                view[: len(content)] = content
                return len(content)
        return 0

    def close(self) -> None:
        """Close the file too."""
        self._raw.close()
        super().close()
