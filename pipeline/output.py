"""The output folder: it belongs to one dataset, and one writer at a time."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.shard import find_shards, read_provenance

_LOCK = ".writer.lock"


def check_output(output: Path, dataset: str, num_shards: int) -> None:
    """Refuse a folder that holds another dataset's shards, or the same one's cut in another number.

    Raises:
        PipelineError: naming the shard that does not belong, and what to do.
    """
    for path in find_shards(output):
        found = read_provenance(path)
        if found["dataset"] != dataset:
            raise PipelineError(
                f"{output} holds shards of dataset {found['dataset']!r} ({path.name}), not of {dataset!r}; "
                "set another output folder in the manifest, or move that one away"
            )
        if found["num_shards"] != num_shards:
            raise PipelineError(
                f"{output} holds shards cut in {found['num_shards']} parts ({path.name}), the manifest says "
                f"{num_shards}; set num_shards back, or choose another output folder"
            )


@contextmanager
def single_writer(output: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel frees it when this process ends, however it ends.

    Raises:
        PipelineError: another process is writing there.
    """
    output.mkdir(parents=True, exist_ok=True)
    with (output / _LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise PipelineError(f"{output} is being written by {lock.read().strip() or 'another process'}") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock.flush()
        yield
