"""Random generators that depend on what they are for, and on nothing else."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """An independent generator for one thing: the same for the same arguments, whatever was drawn before.

    Args:
        seed: the world's seed, >= 0.
        purpose: what is drawn, such as `image`.
        index: which one, each >= 0.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *index])
