"""Memory-mapped temporary files, shared by all processes; only the parts that are read occupy memory.

The files are unlinked, so they disappear once the last process that uses them ends, even if it is killed.
"""

import mmap
import os
import tempfile
from multiprocessing import reduction
from typing import Any

import numpy as np


class MappedFile:
    """A file's content as read-only memory; pickling passes a worker process the file descriptor, not a copy."""

    def __init__(self, file: int) -> None:
        """Map an open file and take ownership of its descriptor."""
        self._file = file
        self.memory = mmap.mmap(file, 0, prot=mmap.PROT_READ)

    def __reduce__(self) -> Any:
        return _opened, (reduction.DupFd(self._file),)

    def __del__(self) -> None:
        os.close(self._file)


class MappedArray:
    """A read-only array (N,) in a temporary file, N >= 1.

    Attributes:
        values: the array, of any dtype that contains no Python objects.
    """

    def __init__(self, file: MappedFile, dtype: np.dtype[Any]) -> None:
        self._file, self.values = file, np.frombuffer(file.memory, dtype)

    @classmethod
    def of(cls, values: np.ndarray) -> "MappedArray":
        """Write `values` (N,) to a temporary file and map it. Raises OSError if the disk is full."""
        with tempfile.TemporaryFile(prefix="entityclip-rows-") as file:
            file.write(np.ascontiguousarray(values).data)
            file.flush()
            return cls(MappedFile(os.dup(file.fileno())), values.dtype)

    def __reduce__(self) -> Any:
        return MappedArray, (self._file, self.values.dtype)


def _opened(file: Any) -> MappedFile:
    return MappedFile(file.detach())
