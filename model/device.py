"""Where a run computes, and with how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.errors import ModelError


def choose_device(name: str) -> torch.device:
    """`auto` is a GPU if there is one. Raises ModelError for `cuda` where there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("device: cuda was asked for, but torch finds no GPU; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Use `count` torch threads (None: as before) until the block ends."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
