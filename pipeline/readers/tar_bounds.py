"""Bounds what Python's tarfile reads: headers may promise bytes that are not there, or tables without end."""

import re
import tarfile
from typing import Any, BinaryIO

LONGEST_HEADER = 2**20  # bytes of a long name or of extended attributes
_MOST_COMMON = 1_000  # attributes for all members that follow; each member gets a copy
_AFTER_THE_END = 8  # reads; a sound tar needs one or two
_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


_ATTRIBUTES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONGEST_NUMBER = 100  # digits in a row


class EndingFile:
    """A stream for tarfile that ends: reading on and on after the end is an error.

    To pass over a member, tarfile reads as many blocks as its header says, whether anything comes or not: for an
    invented size of 8 EiB, for years.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._empty = 0

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes. Raises EOFError if the end has been read several times."""
        content = self._file.read(size)
        if not content:
            self._empty += 1
            if self._empty > _AFTER_THE_END:
                raise EOFError("the file ends before a member does")
        return content


class _Again:
    """The stream of a tar, with content that has been read from it; puts the stream back once that is read again."""

    def __init__(self, tar: Any, content: bytes) -> None:
        self._tar, self._stream, self._content = tar, tar.fileobj, content

    def read(self, _size: int) -> bytes:
        """Return the content."""
        self._tar.fileobj = self._stream
        return self._content


def _check_attributes(content: bytes) -> int:
    """Check that records have the lengths that they say, as tarfile searches on for their end, again for each record.

    Returns their number.

    Raises:
        ReadError: a record is damaged, or has hundreds of digits in a row.
    """
    at = count = 0
    while at < len(content) and content[at] != 0:
        digits = content[at : content.find(b" ", at, at + 12)]
        end = at + int(digits) if digits.isdigit() else at
        if not at < end <= len(content) or content[end - 1] != ord("\n") or content.find(b"=", at, end) < 0:
            raise tarfile.ReadError("a damaged extended header")
        at, count = end, count + 1
    if max(map(len, re.findall(rb"\d+", content)), default=0) > _LONGEST_NUMBER:
        raise tarfile.ReadError("an extended header with a number of hundreds of digits")
    return count


class BoundedInfo(tarfile.TarInfo):
    """A member whose extended headers are bounded, and whose table of gaps (of a sparse file) is not read."""

    def _proc_member(self, tarfile_: Any) -> Any:
        if self.type in _EXTENDED and self.size > LONGEST_HEADER:
            raise tarfile.ReadError(f"an extended header of {self.size:,} bytes")
        if self.type in _ATTRIBUTES:
            content = tarfile_.fileobj.read(self._block(self.size))  # type: ignore[attr-defined]
            count = _check_attributes(content)
            if self.type == tarfile.XGLTYPE and count + len(tarfile_.pax_headers) > _MOST_COMMON:
                raise tarfile.ReadError(f"more than {_MOST_COMMON:,} attributes for all members")
            tarfile_.fileobj = _Again(tarfile_, content)
        return super()._proc_member(tarfile_)  # type: ignore[misc]

    def _proc_gnusparse_00(self, next_: Any, *_: Any) -> None:
        next_.sparse = []  # it is skipped; tarfile's own reading takes time that is quadratic in the table

    def _proc_gnusparse_01(self, next_: Any, *_: Any) -> None:
        next_.sparse = []

    def _proc_gnusparse_10(self, next_: Any, *_: Any) -> None:
        next_.sparse = []
