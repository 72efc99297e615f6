"""Chooses the device and the number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.errors import ModelError


def choose_device(name: str) -> torch.device:
    """Return the named device; `auto` means a GPU if there is one. Raises ModelError for `cuda` without a GPU."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("device=cuda: torch finds no GPU; set device=auto or device=cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def device_of_process(name: str, number: int, count: int) -> torch.device:
    """Return the device for process `number` out of `count` on this machine: GPU `number`, or the CPU.

    Raises ModelError if there are fewer GPUs than processes, or if `name` is `cuda` and there is no GPU.
    """
    device = choose_device(name)
    if device.type == "cpu":
        return device
    if torch.cuda.device_count() < count:
        raise ModelError(
            f"{count} processes need one GPU each, but torch finds {torch.cuda.device_count()} on this machine; "
            "start fewer processes, or set device=cpu"
        )
    return torch.device("cuda", number)


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Use `count` torch threads within the block; None leaves the number unchanged."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
