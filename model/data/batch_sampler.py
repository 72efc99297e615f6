"""Batch order: in training it depends only on the data, batch size and seed; in evaluation it is fixed.

A run can be resumed from just the number of batches drawn. With several processes, each takes part of every batch.
"""

from collections.abc import Iterator
from itertools import count as count_from

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, Sampler

from model.errors import ModelError
from model.rng import seeded


class RandomBatchSampler(Sampler[list[int]]):
    """An endless sequence of batches of row numbers, in random order.

    Each epoch has its own seeded permutation; an incomplete last batch is dropped.

    If rows come in blocks that should be read only once (row groups with packed images), the blocks are permuted and
    grouped into windows, and rows are permuted within each window.

    Attributes:
        start: number of the first batch to yield; set when a run is resumed.
    """

    def __init__(
        self, count: int, batch_size: int, seed: int, blocks: np.ndarray | None = None, window: int = 1
    ) -> None:
        """Sample from rows 0 to count - 1.

        Args:
            blocks: (count,) block number of each row; None: rows are permuted freely.
            window: minimum number of rows in a window; only the last window of an epoch may be smaller.

        Raises ModelError if `count` rows do not fill a batch.
        """
        if count < batch_size:
            raise ModelError(
                f"the training split has {count} usable rows, fewer than optim.batch_size={batch_size}; "
                "add rows, or reduce optim.batch_size"
            )
        self.count, self.batch_size, self._seed, self._window = count, batch_size, seed, window
        self.batches_per_epoch = count // batch_size
        self.start = 0
        self._blocks: list[np.ndarray] | None = None  # rows by block
        if blocks is not None:
            by_block = np.argsort(blocks, kind="stable")
            self._blocks = np.split(by_block, np.flatnonzero(np.diff(blocks[by_block])) + 1)
        self._drawn: tuple[int, Tensor] = (-1, torch.empty(0))

    def __iter__(self) -> Iterator[list[int]]:
        """Yield batches endlessly, starting from batch `start`."""
        return map(self.batch, count_from(self.start))

    def batch(self, number: int) -> list[int]:
        """Return the rows of a batch; batches are numbered from 0 across epochs."""
        epoch, index = divmod(number, self.batches_per_epoch)
        if self._drawn[0] != epoch:
            self._drawn = (epoch, self._permutation(epoch))
        return self._drawn[1][index * self.batch_size : (index + 1) * self.batch_size].tolist()

    def _permutation(self, epoch: int) -> Tensor:
        """Return the row numbers (count,) in an epoch's order."""
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


def sequential_batches(count: int, batch_size: int, blocks: np.ndarray | None = None) -> BatchSampler:
    """Return batches that cover rows 0 to count - 1 once, by block and row number; the last batch may be smaller.

    `blocks` is as in RandomBatchSampler.
    """
    rows = range(count) if blocks is None else np.argsort(blocks, kind="stable").tolist()
    return BatchSampler(rows, batch_size, drop_last=False)
