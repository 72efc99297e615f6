"""Decides how a dataset is split: by the splits that it has, or by `held_out` percent of its images."""

import math
from collections import Counter

from pipeline.errors import PipelineError
from pipeline.guessing.names import SPLITS
from pipeline.guessing.sample import Sample
from pipeline.readers.splits import hash_split

_ENOUGH = 50  # images that val and test should have each, if these are not more than 10 % of all
_MOST = 40  # percent; the manifest's limit


def choose_held_out(images: int, sample: Sample) -> int:
    """Return the percentage of the images for val, and as many for test.

    It is as much as gives each 50 images, but at least 1 and at most 10 percent. Where all images were read, it is
    raised until both have as many as the percentage promises, or at least half of that.

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
        f"{len(sample.images):,} images are too few to train on some and hold out others for val and test; "
        "20 are mostly enough"
    )


def usable_splits(named: set[str]) -> bool:
    """Return whether splits by these names, which are all there are, allow training and evaluation."""
    return "train" in named and bool(named & (SPLITS - {"train"}))
