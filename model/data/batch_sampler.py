"""The order in which rows are read: for training a pure function of data, batch size and seed, for evaluation fixed.

A resumed run needs no more than the number of batches it has drawn; several processes each take a part of every batch.
"""

from collections.abc import Iterator
from itertools import count as counted_from

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from model.errors import ModelError
from model.rng import seeded


class RandomBatchSampler(Sampler[list[int]]):
    """Row numbers of the batches, batch by batch without an end.

    One seeded permutation per epoch; its incomplete last batch is left out. Every epoch has its own permutation, so no
    row is left out for good.

    Where rows lie in blocks that had better be read once (row groups with images in them), the blocks are permuted,
    and as many as make up a window are merged and their rows permuted: rows then meet only within a window.

    Attributes:
        start: number of the batch that an iteration begins with; a resumed run sets it.
    """

    def __init__(
        self, count: int, batch_size: int, seed: int, blocks: np.ndarray | None = None, window: int = 1
    ) -> None:
        """Order rows 0 to count - 1.

        Args:
            blocks: (count,) number of each row's block; None: every row for itself, so any order is possible.
            window: rows of a window, at least; the last one of an epoch may be smaller.

        Raises ModelError if `count` rows do not fill a batch.
        """
        if count < batch_size:
            raise ModelError(
                f"{count} usable training rows are fewer than optim.batch_size={batch_size}; "
                "give more rows, or set a smaller optim.batch_size"
            )
        self.count, self.batch_size, self._seed, self._window = count, batch_size, seed, window
        self.batches_per_epoch = count // batch_size
        self.start = 0
        self._blocks: list[np.ndarray] | None = None  # the rows of each
        if blocks is not None:
            by_block = np.argsort(blocks, kind="stable")
            self._blocks = np.split(by_block, np.flatnonzero(np.diff(blocks[by_block])) + 1)
        self._drawn: tuple[int, Tensor] = (-1, torch.empty(0))

    def __iter__(self) -> Iterator[list[int]]:
        """Endless batches, from number `start` on."""
        return map(self.batch, counted_from(self.start))

    def batch(self, number: int) -> list[int]:
        """The rows of one batch; batches are numbered from 0 on through all epochs."""
        epoch, place = divmod(number, self.batches_per_epoch)
        if self._drawn[0] != epoch:
            self._drawn = (epoch, self._permutation(epoch))
        rows: list[int] = self._drawn[1][place * self.batch_size : (place + 1) * self.batch_size].tolist()
        return rows

    def _permutation(self, epoch: int) -> Tensor:
        """(count,) the rows in the order of an epoch."""
        generator = seeded(self._seed, "batch order", epoch)
        if self._blocks is None:
            return torch.randperm(self.count, generator=generator)
        windows: list[list[np.ndarray]] = [[]]
        for number in torch.randperm(len(self._blocks), generator=generator).tolist():
            if sum(map(len, windows[-1])) >= self._window:
                windows.append([])
            windows[-1].append(self._blocks[number])
        merged = [torch.from_numpy(np.concatenate(blocks)) for blocks in windows]
        return torch.cat([rows[torch.randperm(len(rows), generator=generator)] for rows in merged])


class SequentialBatchSampler(Sampler[list[int]]):
    """All rows once, block by block and in a block by their numbers; the last batch may be smaller."""

    def __init__(self, count: int, batch_size: int, blocks: np.ndarray | None = None) -> None:
        """Order rows 0 to count - 1; `blocks` as a RandomBatchSampler's."""
        self.batch_size = batch_size
        self._rows = np.arange(count) if blocks is None else np.argsort(blocks, kind="stable")

    def __len__(self) -> int:
        return -(-len(self._rows) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self._rows), self.batch_size):
            yield self._rows[start : start + self.batch_size].tolist()
