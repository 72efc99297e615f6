"""Draws CLIP's pre-training data: pictures of random shields with captions that describe them."""

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

from pipeline.worlds.heraldry.arms import random_arms
from pipeline.worlds.heraldry.generic import generic_caption
from pipeline.worlds.heraldry.houses import noble_houses
from pipeline.worlds.heraldry.render import SIZE, picture_of
from pipeline.worlds.heraldry.rng import generator
from pipeline.worlds.heraldry.views import random_view


def generic_data(seed: int, size: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Draw `size` pairs; return RGB uint8 pictures of shape (size, 48, 48, 3) and their captions.

    No picture shows the arms of a house, and none is in the partition reserved for validation and test.
    """
    of_houses = {house.arms for house in noble_houses()}
    pictures = np.empty((size, SIZE, SIZE, 3), dtype=np.uint8)
    captions: list[str] = []
    for index in trange(size, desc="pictures", unit="image", disable=None):
        rng = generator(seed, "generic", index)
        while (arms := random_arms(rng)) in of_houses:
            pass
        view = random_view(rng)
        captions.append(generic_caption(arms, view, rng))
        pictures[index] = picture_of([arms], view, rng, held_out=False)
    return pictures, captions
