"""The processes of a run, as one of them sees them, where it is the only one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from model.errors import ModelError


class Rows:
    """Some rows of a batch that lies here."""

    def __init__(self, index: Tensor) -> None:
        self._index = index

    def of(self, x: Tensor) -> Tensor:
        """These rows of `x` (b, ...), with gradient; x has the same further dimensions in every process."""
        return x[self._index]

    def of_texts(self, x: Tensor) -> Tensor:
        """As `of` for x (b, L, ...), L the longest text of its process: zeros after that, to the longest of all."""
        return x[self._index]


class LocalBatch:
    """B rows, all of them here."""

    processes = 1
    first = 0  # the number, in the whole batch, of the first row here

    def __init__(self, size: int) -> None:
        self.size = size  # B

    def gather(self, x: Tensor) -> Tensor:
        """The rows of every process, (b, ...) to (B, ...), with gradient."""
        return x

    def sum(self, x: Tensor) -> Tensor:
        """The sum over the processes, without gradient."""
        return x.detach()

    def rows(self, index: Tensor) -> Rows:
        """The rows of these numbers, (n,) of 0 to B - 1."""
        return Rows(index)


class LocalGroup:
    """Nobody to share with. `model.distributed.collectives.DistributedGroup` is its counterpart under torchrun."""

    rank, count = 0, 1
    device: torch.device | None = None  # this process's own; None: what the settings choose

    def check(self, batch_size: int) -> None:
        """Raise ModelError for a batch of which some processes would have no row at all."""
        if batch_size < self.count:
            raise ModelError(f"optim.batch_size={batch_size} is less than a pair for each of {self.count} processes")

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and speaks."""
        return self.rank == 0

    def shard(self, rows: list[int]) -> list[int]:
        """This process's part of a batch's rows; the parts in order are the batch."""
        return rows

    def share(self, rows: int, texts: int) -> LocalBatch:
        """The whole batch, of which this process has `rows`, their explanations `texts` tokens long."""
        return LocalBatch(rows)

    def all_gather_ints(self, *own: int) -> list[list[int]]:
        """A few whole numbers of every process, in their order; whoever calls it waits for all of them."""
        return [list(own)]

    def barrier(self) -> None:
        """Until every process is here."""

    def all_gather_json(self, own: Any) -> list[Any]:
        """What every process has to say, in their order: anything that JSON can hold."""
        return [own]

    @contextmanager
    def own_random_numbers(self, seed: int, step: int) -> Iterator[None]:
        """Dropout of its own for each process and step, so that no two drop the same of different rows."""
        yield
