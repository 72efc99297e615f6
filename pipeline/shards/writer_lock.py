"""Ensures that only one process at a time writes a bucket of an output."""

import errno
import fcntl
import os
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from entityclip.contract.atomic_files import remove_anything, remove_leftovers
from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible

_LOCK = ".writer.lock"
_WRITERS = "_writers"
_ALL = 100_000  # more buckets than a manifest may have
_WRITER = re.compile(r"(\d{5,6})-(\d{5,6})")
_WRITTEN_TO = ("", "split=*", "_receipts", "_left_out", "_spool")  # where a killed writer may leave temporary files


@contextmanager
def sole_writer(output: Path | str, work: Path, buckets: range | None = None) -> Iterator[None]:
    """Hold the locks on an output and on a work folder, as one writer in either would spoil the other's files.

    Object storage has no locks: there, only the work folder is locked, which keeps other processes out that use the
    same one. Raises PipelineError as `single_writer` does.
    """
    with ExitStack() as stack:
        folders = [work] if is_url(str(output)) else [Path(output), work]
        for folder in {folder.resolve(): folder for folder in folders}.values():
            stack.enter_context(single_writer(folder, buckets))
        yield


@contextmanager
def single_writer(folder: Path, buckets: range | None = None) -> Iterator[None]:
    """Hold the lock on `buckets` (default: all) in a folder; other buckets may be written concurrently.

    The kernel releases the lock when this process ends for any reason. What killed writers left half-written is
    removed. Raises PipelineError if another process, or another part of this process, is writing one of these buckets,
    or if there can be no lock in the folder.
    """
    writers = folder / _WRITERS
    mine = buckets if buckets is not None else range(_ALL)
    try:
        if writers.exists() and not writers.is_dir():
            writers.unlink()
        writers.mkdir(parents=True, exist_ok=True)
        opened = (folder / _LOCK).open("a+b")
    except OSError as error:
        raise PipelineError(
            f"{folder} cannot be locked for writing ({error}); make {folder / _LOCK} and {writers} writable, or "
            "delete them, or choose another output folder"
        ) from error
    with opened as lock:
        try:
            _lock_bytes(lock.fileno(), mine)
        except OSError as taken:
            if taken.errno not in (errno.EACCES, errno.EAGAIN):
                raise PipelineError(
                    f"{folder} cannot be locked for writing ({taken}); if its file system has no locks, choose a "
                    "folder on another one"
                ) from taken
            who = "; ".join(_overlapping(writers, mine)) or "another process"
            raise PipelineError(f"{folder} is being written by {who}") from None
        name = writers / f"{mine.start:05d}-{mine.stop:05d}"
        remove_anything(name)
        name.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        for written_to in _WRITTEN_TO:
            for place in folder.glob(written_to) if written_to else [folder]:
                remove_leftovers(place)
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
        if (match := _WRITER.fullmatch(path.name)) is None or not path.is_file():
            continue
        start, stop = int(match[1]), int(match[2])
        if start < buckets.stop and buckets.start < stop:
            of = "" if stop == _ALL else f" (buckets {start} to {stop - 1})"
            yield visible(path.read_text(encoding="utf-8", errors="replace"), 200) + of
