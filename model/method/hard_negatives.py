"""Hard negatives of step 4, drawn from the batch: a wrong text for each image, and a wrong image for each text."""

from typing import NamedTuple

import torch
from torch import Tensor

from model.distributed.local import LocalBatch
from model.errors import ModelError
from model.precision import at_least_fp32


class HardNegatives(NamedTuple):
    """A wrong text for each image of this process, and a wrong image for each text, if the whole batch has one."""

    text_index: Tensor  # (b,) row of the wrong (caption, explanation) in the whole batch
    text_exists: Tensor  # (b,) bool
    image_index: Tensor  # (b,) row of the wrong image in the whole batch
    image_exists: Tensor  # (b,) bool


def possible_negatives(groups: Tensor, own: Tensor | None = None) -> Tensor:
    """Return a mask (b, B), True where own row i and any row j differ in image, caption and explanation key.

    Args:
        groups: the whole batch's groups (3, B), as in `Batch.groups`.
        own: the groups (3, b) of this process's rows; None: all rows, so that the result is symmetric.
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
    """Draw one negative per row from the softmax of its similarities, with disallowed pairs masked before the softmax.

    Args:
        per_image, per_text: (b, B) similarities from the main loss, of this process's images to all texts and of its
            texts to all images; they are detached here.
        allowed: (b, B) bool, False between a row and itself (see `possible_negatives`).
        generator: random generator on the similarities' device. If every process uses the same seed, they
            together draw what a single process would draw.
        whole: the whole batch that these rows belong to; None: these rows are the whole batch.

    A row without an allowed column gets no negative (`*_exists` False, index 0). A column is never drawn if its
    similarity is not finite; in that case the loss is not finite either, which stops training.

    Raises ModelError for B < 2.
    """
    own, size = per_image.shape
    if size < 2:
        raise ModelError(f"hard negatives need a batch of at least 2 pairs, but this one has {size}")
    first = 0 if whole is None else whole.first
    chances = negative_chances(torch.cat([per_image, per_text]), torch.cat([allowed, allowed]))
    exists = chances.any(dim=1)
    # torch.multinomial(chances, 1) written out, so that each process can use its own rows of the same noise
    noise = chances.new_empty(2, size, size).exponential_(generator=generator)[:, first : first + own].flatten(0, 1)
    index = (chances / noise.clamp(min=torch.finfo(noise.dtype).tiny)).argmax(dim=1)
    index = torch.where(exists, index, 0)
    return HardNegatives(index[:own], exists[:own], index[own:], exists[own:])


def negative_chances(similarity: Tensor, allowed: Tensor) -> Tensor:
    """Return the probabilities (n, B), in at least fp32, of drawing each allowed column; both arguments are (n, B).

    Masking comes before the softmax, so a row sums to 1 however small its allowed similarities are; a row without
    allowed columns is all zeros.
    """
    similarity = at_least_fp32(similarity.detach())
    candidates = allowed & similarity.isfinite()
    chances = similarity.masked_fill(~candidates, float("-inf")).softmax(dim=1)
    return torch.where(candidates, chances, 0.0)  # softmax of a fully masked row is NaN
