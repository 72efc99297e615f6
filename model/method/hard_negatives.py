"""Hard negatives of step 4, drawn from the batch: a wrong text for each image, a wrong image for each text."""

from typing import NamedTuple

import torch
from torch import Tensor

from model.distributed.local import LocalBatch
from model.errors import ModelError
from model.precision import at_least_fp32


class HardNegatives(NamedTuple):
    """A wrong text for each own image and a wrong image for each own text, if the whole batch has one."""

    text_index: Tensor  # (b,) row in the whole batch of a wrong (caption, explanation)
    text_exists: Tensor  # (b,) bool
    image_index: Tensor  # (b,) row in the whole batch of a wrong image
    image_exists: Tensor  # (b,) bool


def possible_negatives(groups: Tensor, own: Tensor | None = None) -> Tensor:
    """Return (b, B) bool: own row i and row j share neither image, caption nor explanation key.

    Args:
        groups: (3, B) of the whole batch, as `Batch.groups`.
        own: (3, b) of own rows; None: all, and the result is symmetric.
    """
    own = groups if own is None else own
    return (own[:, :, None] != groups[:, None, :]).all(dim=0)


def draw_hard_negatives(
    per_image: Tensor,
    per_text: Tensor,
    allowed: Tensor,
    generator: torch.Generator | None = None,
    whole: LocalBatch | None = None,
) -> HardNegatives:
    """Draw one negative per row from softmax(similarity), masked before the softmax.

    Args:
        per_image, per_text: (b, B) similarities of the main loss, of own images to all texts and own texts to
            all images; detached here.
        allowed: (b, B) bool, False for an own row and itself (see `possible_negatives`).
        generator: on the device of the similarities. With the same seed in all processes, they draw what a single
            process would.
        whole: the whole batch of these rows; None: they are all of it.

    A row of `allowed` without True gets no negative (`*_exists` False, index 0). Similarities that are not
    finite are never drawn; the loss is not finite then either, which stops training.

    Raises ModelError for B < 2.
    """
    own, size = per_image.shape
    if size < 2:
        raise ModelError(f"hard negatives need a batch of at least 2 pairs, this one has {size}")
    first = 0 if whole is None else whole.first
    chances = negative_chances(torch.cat([per_image, per_text]), torch.cat([allowed, allowed]))
    exists = chances.any(dim=1)
    # torch.multinomial(chances, 1) written out, so that each process takes its own rows of the same noise
    noise = chances.new_empty(2, size, size).exponential_(generator=generator)[:, first : first + own].flatten(0, 1)
    index = (chances / noise.clamp(min=torch.finfo(noise.dtype).tiny)).argmax(dim=1)
    index = torch.where(exists, index, 0)
    return HardNegatives(index[:own], exists[:own], index[own:], exists[own:])


def negative_chances(similarity: Tensor, allowed: Tensor) -> Tensor:
    """Return the probabilities (n, B), in at least fp32, of drawing each allowed column; arguments are (n, B).

    Masked before the softmax, so a row sums to 1 however small its allowed similarities are; a row without
    allowed columns is all zeros.
    """
    similarity = at_least_fp32(similarity.detach())
    candidates = allowed & similarity.isfinite()
    chances = similarity.masked_fill(~candidates, float("-inf")).softmax(dim=1)
    return torch.where(candidates, chances, 0.0)  # softmax of a fully masked row is NaN
