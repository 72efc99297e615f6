"""Random number generators: seeding them for a run, and saving and restoring their states.

Initial weights, dropout and patch dropout use torch's global generator. Batch order and hard negatives use separate
generators (`seeded`), derived from the seed and the step, so they need not be saved. No code here draws from
the global generators of Python and numpy; their states are saved because a library may use them.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

_CPU, _CUDA = "torch.cpu", "torch.cuda"


@contextmanager
def own_random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Seed all random generators, and restore their previous states on exit."""
    plain = plain_random_state()
    with forked(device):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            restore_plain_random_state(plain)


def forked(device: torch.device) -> AbstractContextManager[None]:
    """Return a context that restores torch's generators (CPU and `device`) on exit."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def random_tensors(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's CPU generator and, on a GPU, of `device`'s generator, as uint8 tensors."""
    states = {_CPU: torch.get_rng_state()}
    if device.type == "cuda":
        states[_CUDA] = torch.cuda.get_rng_state(device)
    return states


def plain_random_state() -> dict[str, Any]:
    """Return the states of Python's and numpy's generators as JSON-serialisable values."""
    version, internal, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state()
    return {"python": [version, list(internal), gauss], "numpy": [kind, np.asarray(keys).tolist(), *rest]}


def restore_random_tensors(tensors: dict[str, Tensor], device: torch.device) -> None:
    """Restore the states from `random_tensors`; a GPU state is ignored unless `device` is a GPU."""
    torch.set_rng_state(tensors[_CPU])
    if device.type == "cuda" and _CUDA in tensors:
        torch.cuda.set_rng_state(tensors[_CUDA], device)


def restore_plain_random_state(plain: dict[str, Any]) -> None:
    """Restore the states from `plain_random_state`."""
    version, internal, gauss = plain["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = plain["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))


def random_state_problem(plain: dict[str, Any]) -> str | None:
    """Return why `restore_plain_random_state` would refuse what a file says; None if it would not."""
    try:
        version, internal, gauss = plain["python"]
        random.Random().setstate((version, tuple(internal), gauss))
        kind, keys, position, has_gauss, cached = plain["numpy"]
        np.random.RandomState().set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        return str(error)
    return None


def seeded(seed: int, purpose: str, number: int = 0, device: torch.device | None = None) -> torch.Generator:
    """Return a new generator seeded from `seed`, `purpose` and `number` (an epoch or step number)."""
    name = f"{seed}/{purpose}/{number}".encode()
    value = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1
    return torch.Generator(device=device or torch.device("cpu")).manual_seed(value)
