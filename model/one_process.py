"""The processes of a run, as one of them sees them, where it is the only one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from model.errors import ModelError
from model.whole_batch import WholeBatch


class OneProcess:
    """Nobody to share with. `model.distributed.Processes` is its counterpart under torchrun."""

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

    def slice_of(self, rows: list[int]) -> list[int]:
        """This process's part of a batch's rows; the parts in order are the batch."""
        return rows

    def share(self, rows: int, texts: int) -> WholeBatch:
        """The whole batch, of which this process has `rows`, their explanations `texts` tokens long."""
        return WholeBatch(rows)

    def numbers(self, *own: int) -> list[list[int]]:
        """A few whole numbers of every process, in their order; whoever calls it waits for all of them."""
        return [list(own)]

    def wait(self) -> None:
        """Until every process is here."""

    def together(self, own: Any) -> list[Any]:
        """What every process has to say, in their order: anything that JSON can hold."""
        return [own]

    @contextmanager
    def own_random_numbers(self, seed: int, step: int) -> Iterator[None]:
        """Dropout of its own for each process and step, so that no two drop the same of different rows."""
        yield
