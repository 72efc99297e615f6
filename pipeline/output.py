"""The output belongs to one dataset, and to one writer at a time."""

import fcntl
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.shard import ShardFile

_LOCK = ".writer.lock"


def check_output(output: Path | str, shards: Iterable[ShardFile], num_shards: int) -> None:
    """Refuse an output that is cut in another number of shards; whose dataset it is, each bucket checks for itself.

    Raises:
        PipelineError: naming a shard that does not belong, and what to do.
    """
    for shard in shards:
        if shard.num_shards != num_shards:
            raise PipelineError(
                f"{output} holds shards cut in {shard.num_shards} parts ({shard.name}), the manifest says "
                f"{num_shards}; set num_shards back, or choose another output folder"
            )


def check_dataset(output: Path | str, name: str, provenance: dict[str, Any], dataset: str) -> None:
    """Refuse a shard of another dataset.

    Raises:
        PipelineError: naming it, and what to do.
    """
    if provenance["dataset"] != dataset:
        raise PipelineError(
            f"{output} holds shards of dataset {provenance['dataset']!r} ({name}), not of {dataset!r}; "
            "set another output folder in the manifest, or move that one away"
        )


@contextmanager
def single_writer(work: Path) -> Iterator[None]:
    """Hold the lock in the work folder; the kernel frees it when this process ends, however it ends.

    Raises:
        PipelineError: another process is writing there.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / _LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise PipelineError(f"{work} is being written by {lock.read().strip() or 'another process'}") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock.flush()
        yield
