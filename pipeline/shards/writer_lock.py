"""Ensures that only one process at a time writes a bucket."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError

_LOCK = ".writer.lock"
_WRITERS = "_writers"
_ALL = 100_000  # more buckets than a manifest may have


@contextmanager
def single_writer(work: Path, buckets: range | None = None) -> Iterator[None]:
    """Hold the lock on `buckets` (default: all) in the work folder; other buckets may be written concurrently.

    The kernel releases the lock when this process ends for any reason. Raises PipelineError if another process, or
    another part of this process, is writing one of these buckets.
    """
    writers = work / _WRITERS
    writers.mkdir(parents=True, exist_ok=True)
    mine = buckets if buckets is not None else range(_ALL)
    with (work / _LOCK).open("a+b") as lock:
        try:
            _lock_bytes(lock.fileno(), mine)
        except OSError as taken:
            if taken.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            who = "; ".join(_overlapping(writers, mine)) or "another process"
            raise PipelineError(f"{work} is being written by {who}") from None
        name = writers / f"{mine.start:05d}-{mine.stop:05d}"
        name.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        try:
            yield
        finally:
            name.unlink(missing_ok=True)


def _lock_bytes(file: int, buckets: range) -> None:
    """Lock one byte per bucket. The open file owns the lock if the system supports that, otherwise the process does."""
    if hasattr(fcntl, "F_OFD_SETLK"):
        request = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, buckets.start, len(buckets), 0)
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, request)
    else:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, len(buckets), buckets.start, os.SEEK_SET)


def _overlapping(writers: Path, buckets: range) -> Iterator[str]:
    """Yield a description of each writer registered for any of these buckets, including writers that were killed."""
    for path in sorted(writers.iterdir()):
        start, stop = map(int, path.name.split("-"))
        if start < buckets.stop and buckets.start < stop:
            of = "" if stop == _ALL else f" (buckets {start} to {stop - 1})"
            yield path.read_text(encoding="utf-8") + of
