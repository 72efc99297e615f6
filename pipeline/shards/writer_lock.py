"""Ensures that an output belongs to a single dataset, and that only one process at a time writes a bucket."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.shards.shard import ShardFile

_LOCK = ".writer.lock"
_WRITERS = "_writers"
_ALL = 100_000  # more buckets than a manifest may have


def check_output(output: Path | str, shards: Iterable[ShardFile], num_shards: int) -> None:
    """Raise PipelineError, with the remedy, if the output has shards written with a different `num_shards`."""
    for shard in shards:
        if shard.num_shards != num_shards:
            raise PipelineError(
                f"{output} contains shards written with num_shards={shard.num_shards} ({shard.name}), but the manifest "
                f"says {num_shards}; restore num_shards, or choose another output folder"
            )


def check_dataset(output: Path | str, name: str, provenance: dict[str, Any], dataset: str) -> None:
    """Raise PipelineError, with the remedy, if a shard belongs to a different dataset."""
    if provenance["dataset"] != dataset:
        raise PipelineError(
            f"{output} contains shards of dataset {provenance['dataset']!r} ({name}), not of {dataset!r}; "
            "set another output folder in the manifest, or move the existing one"
        )


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
