"""Decompresses .gz files as a stream, and detects decompression bombs by their compression ratio."""

import gzip
import io
import zlib
from typing import BinaryIO

from pipeline.errors import PipelineError

_HARMLESS = 16 * 2**20  # bytes; output up to this size is always accepted
HIGHEST_RATIO = 200  # text compresses 3 to 20 times; gzip compresses zeros 1,032 times


class Gunzip(io.RawIOBase):
    """The decompressed content of a .gz file with one or more members, as a stream that holds one chunk in memory."""

    def __init__(self, raw: BinaryIO, location: str) -> None:
        self._raw = raw
        self._location = location  # for error messages
        self._file = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer. Raises PipelineError if the file is not gzip, is truncated, or is a decompression bomb."""
        try:
            count = self._file.readinto(buffer)
        except EOFError as error:
            raise PipelineError(f"{self._location} is truncated") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise PipelineError(f"{self._location} is not a valid .gz file: {error}") from error
        if self._file.tell() > max(_HARMLESS, HIGHEST_RATIO * self._raw.tell()):
            raise PipelineError(
                f"{self._location} unpacks to more than {HIGHEST_RATIO} times its size, so it may be a decompression "
                "bomb. If you trust the file, unpack it and use the unpacked file"
            )
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
