"""Process group and batch for a run in a single process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from model.errors import ModelError


class Rows:
    """A row selection that can be applied to any of a batch's tensors."""

    def __init__(self, index: Tensor) -> None:
        self._index = index

    def of(self, x: Tensor) -> Tensor:
        """Return these rows of `x` (b, ...), with gradient; the other dimensions must agree in all processes."""
        return x[self._index]

    def of_texts(self, x: Tensor) -> Tensor:
        """Return these rows of `x` (b, L, ...), zero-padded from L to the longest text length in any process."""
        return x[self._index]


class LocalBatch:
    """A batch of B rows, all in this process."""

    processes = 1
    first = 0  # index of this process's first row in the whole batch

    def __init__(self, size: int) -> None:
        self.size = size  # B

    def gather(self, x: Tensor) -> Tensor:
        """Gather the rows of all processes, (b, ...) -> (B, ...), with gradient."""
        return x

    def sum(self, x: Tensor) -> Tensor:
        """Sum `x` over the processes, without gradient."""
        return x.detach()

    def rows(self, index: Tensor) -> Rows:
        """Select rows by their indices (b,) in the whole batch, where b is the number of rows in this process."""
        return Rows(index)


class LocalGroup:
    """A group of one process; `model.distributed.collectives.DistributedGroup` is its counterpart under torchrun."""

    rank, count = 0, 1
    device: torch.device | None = None  # this process's device; None: chosen by the settings

    def check(self, batch_size: int) -> None:
        """Raise ModelError if the batch has fewer rows than there are processes."""
        if batch_size < self.count:
            raise ModelError(f"optim.batch_size={batch_size} must be at least the number of processes, {self.count}")

    @property
    def is_first(self) -> bool:
        """Return True if this is the first process, the only one that writes files and messages."""
        return self.rank == 0

    def shard(self, rows: list[int]) -> list[int]:
        """Return this process's contiguous part of a batch's rows."""
        return rows

    def share(self, rows: int, texts: int) -> LocalBatch:
        """Describe the whole batch, given that this process holds `rows` of its rows, with texts of `texts` tokens."""
        return LocalBatch(rows)

    def all_gather_ints(self, *own: int) -> list[list[int]]:
        """Return the integers passed by each process, by rank. Blocks until all processes have called this method."""
        return [list(own)]

    def barrier(self) -> None:
        """Block until every process has called this method."""
        self.all_gather_ints(0)

    def all_gather_objects(self, own: Any) -> list[Any]:
        """Return the value passed by each process, by rank. Values are pickled. Blocks like `all_gather_ints`."""
        return [own]

    @contextmanager
    def own_random_numbers(self, seed: int, step: int) -> Iterator[None]:
        """Within the block, use a dropout seed that differs by process and step, so that dropout masks differ."""
        yield
