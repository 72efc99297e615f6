"""Creates random generators, each determined by a seed and a purpose."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """Return a random generator that is determined by the arguments and independent of all others.

    Args:
        seed: the world's seed, >= 0.
        purpose: what is drawn at random, such as `picture`.
        index: numbers that identify the item to draw, each >= 0.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *index])
