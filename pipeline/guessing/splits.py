"""Decides whether a dataset's own splits can be used, and otherwise how many percent of the images are held out."""

import math
from collections import Counter

from pipeline.errors import PipelineError
from pipeline.guessing.names import SPLITS
from pipeline.guessing.sample import Sample
from pipeline.readers.splits import hash_split

_ENOUGH = 50  # images that val and test should each have, unless that is more than 10 % of all images
_MOST = 40  # percent; the manifest's limit


def choose_held_out(images: int, sample: Sample) -> int:
    """Return the percentage of the images for val, which is also the percentage for test.

    The percentage corresponds to 50 images, but is at least 1 and at most 10. If all images were read, it is raised
    until val and test each get at least half as many images as the initial percentage corresponds to.

    Args:
        images: expected number of distinct images.

    Raises:
        PipelineError: there are too few images for three splits.
    """
    percent = min(10, max(1, math.ceil(100 * _ENOUGH / images)))
    if not sample.is_complete:
        return percent
    enough = max(1, len(sample.images) * percent // 200)
    for raised in range(percent, _MOST + 1):
        found = Counter(hash_split(image, raised) for image in sample.images)
        if min(found["val"], found["test"]) >= enough and found["train"] > 1:
            return raised
    raise PipelineError(
        f"{len(sample.images):,} images are too few for separate train, val and test splits; 20 are usually enough"
    )


def usable_splits(named: set[str]) -> bool:
    """Return whether a dataset that has exactly these splits can be used for training and evaluation."""
    return "train" in named and bool(named & (SPLITS - {"train"}))
