"""Hard negatives of step 4: for each image a wrong text, for each text a wrong image, drawn from the batch."""

from typing import NamedTuple

import torch
from torch import Tensor

from model.distributed.local import LocalBatch
from model.errors import ModelError
from model.precision import at_least_fp32


class HardNegatives(NamedTuple):
    """One wrong text for every own image and one wrong image for every own text, where the whole batch has one."""

    text_index: Tensor  # (b,) for own image: row, in the whole batch, of a wrong (caption, explanation)
    text_exists: Tensor  # (b,) bool
    image_index: Tensor  # (b,) for own text: row, in the whole batch, of a wrong image
    image_exists: Tensor  # (b,) bool


def possible_negatives(groups: Tensor, own: Tensor | None = None) -> Tensor:
    """(b, B) bool: own row i and row j share neither image, nor caption, nor explanation key.

    Args:
        groups: (3, B) of the whole batch, as `Batch.groups`.
        own: (3, b) of the rows asked about; None: all, and the result is symmetric.
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
    """Draw once per row from softmax(similarity), masked before the softmax.

    Args:
        per_image, per_text: (b, B) similarities of the main loss, own images over all texts and own texts over
            all images; detached here.
        allowed: (b, B) bool, False where an own row meets itself (see `possible_negatives`).
        generator: on the device of the similarities; a seeded one makes the draw repeatable. All processes seed it
            alike, and draw what one process would.
        whole: the batch that these rows are of; None: they are all of it.

    A row of `allowed` with no True gets no negative (`*_exists` False, index 0). A similarity that is not
    finite is never drawn; the loss that it belongs to is not finite either, which stops the training run.

    Raises ModelError for B < 2.
    """
    own, size = per_image.shape
    if size < 2:
        raise ModelError(f"hard negatives need a batch of at least 2 pairs, this one has {size}")
    first = 0 if whole is None else whole.first
    chances = negative_chances(torch.cat([per_image, per_text]), torch.cat([allowed, allowed]))
    exists = chances.any(dim=1)
    # torch.multinomial of one draw, written out so that each process can take its own rows of the same noise
    noise = chances.new_empty(2, size, size).exponential_(generator=generator)[:, first : first + own].flatten(0, 1)
    index = (chances / noise.clamp(min=torch.finfo(noise.dtype).tiny)).argmax(dim=1)
    index = torch.where(exists, index, 0)
    return HardNegatives(index[:own], exists[:own], index[own:], exists[own:])


def negative_chances(similarity: Tensor, allowed: Tensor) -> Tensor:
    """Chances (n, B) of a draw by n rows over B columns, at least fp32, of similarities and what is allowed (n, B).

    Masked before the softmax, so a row sums to 1 however small its allowed similarities are beside the
    others; a row with nothing to choose is all zeros.
    """
    similarity = at_least_fp32(similarity.detach())
    open_to = allowed & similarity.isfinite()
    chances = similarity.masked_fill(~open_to, float("-inf")).softmax(dim=1)
    return torch.where(open_to, chances, 0.0)  # a row with nothing to choose comes out of softmax as NaN
