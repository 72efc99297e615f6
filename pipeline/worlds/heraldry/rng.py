"""Random generators that depend on their purpose alone."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """Return an independent generator, determined by the arguments.

    Args:
        seed: the world's seed, >= 0.
        purpose: the kind of thing drawn, such as `image`.
        index: numbers of the thing, each >= 0.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *index])
