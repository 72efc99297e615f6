"""The order in which training sees its rows."""

from collections.abc import Iterator

import torch

from model.errors import ModelError
from model.seeds import seeded


def epoch_batches(count: int, batch_size: int, seed: int) -> Iterator[list[int]]:
    """Endless batches of row numbers: one seeded permutation per epoch, its incomplete last batch left out.

    Every epoch has its own permutation, so no row is left out for good.
    Raises ModelError if `count` rows do not fill a batch.
    """
    if count < batch_size:
        raise ModelError(f"{count} usable training rows are fewer than optim.batch_size={batch_size}")
    return _epochs(count, batch_size, seed)


def _epochs(count: int, batch_size: int, seed: int) -> Iterator[list[int]]:
    epoch = 0
    while True:
        order = torch.randperm(count, generator=seeded(seed, "batch order", epoch)).tolist()
        for start in range(0, count - batch_size + 1, batch_size):
            yield order[start : start + batch_size]
        epoch += 1
