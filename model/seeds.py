"""Random numbers that depend on the run's seed and on what they are for, and on nothing else."""

import hashlib

import torch


def seeded(seed: int, purpose: str, number: int = 0, device: torch.device | None = None) -> torch.Generator:
    """A fresh generator for one purpose; `number` tells epochs or steps apart."""
    name = f"{seed}/{purpose}/{number}".encode()
    value = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1
    return torch.Generator(device=device or torch.device("cpu")).manual_seed(value)
