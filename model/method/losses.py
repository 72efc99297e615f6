"""Step 5 of the method: the terms of the loss, in fp32 or better whatever the towers run in.

Where a batch is spread over processes (`whole`), a function takes the b of its B rows that lie here and returns their
share of the loss: the sum over the processes is the loss of the whole batch.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from model.distributed.local import LocalBatch
from model.precision import at_least_fp32, fine_matmul

MATCH, NO_MATCH = 0, 1


class Contrast(NamedTuple):
    """A contrastive loss and the similarities that it is made of."""

    loss: Tensor  # scalar
    per_image: Tensor  # (b, B) own images, all texts
    per_text: Tensor  # (b, B) own texts, all images


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor, whole: LocalBatch | None = None) -> Contrast:
    """L_vtc: CLIP's symmetric cross-entropy on cosines times `scale` = exp(logit_scale).

    Args:
        image, text: (b, D), not normalised; row b of one belongs to row b of the other.
        scale: scalar.
        whole: the batch that these rows are of; None: they are all of it.
    """
    whole = whole or LocalBatch(len(image))
    image, text = (F.normalize(at_least_fp32(x), dim=-1) for x in (image, text))
    scale = at_least_fp32(scale)
    per_image = fine_matmul(scale * image, whole.gather(text).T)
    per_text = per_image.T if whole.processes == 1 else fine_matmul(scale * text, whole.gather(image).T)
    target = torch.arange(whole.first, whole.first + len(image), device=image.device)
    of_images, of_texts = (F.cross_entropy(x, target, reduction="sum") / whole.size for x in (per_image, per_text))
    return Contrast((of_images + of_texts) / 2, per_image, per_text)


def bridge_loss(v_cls: Tensor, t_eot: Tensor, e_eot: Tensor, scale: Tensor, whole: LocalBatch | None = None) -> Tensor:
    """The explanation bridge, our extension and not the paper's: L_vtc(V_cls, E_eot) + L_vtc(T_eot, E_eot).

    As published, V* and T* of a pair read the same explanation, so L_vtc(V*, T*) can fall without the towers
    learning from it; here they have to meet it. V_cls, T_eot, E_eot (b, D); `scale`, `whole` as in `contrastive_loss`.
    """
    return contrastive_loss(v_cls, e_eot, scale, whole).loss + contrastive_loss(t_eot, e_eot, scale, whole).loss


def anchor_loss(side: Tensor, anchors: Tensor, scale: Tensor, whole: LocalBatch | None = None) -> Tensor:
    """Explanation anchors, our extension and not the paper's: a side is to be to anchors as these are to one another.

    Both ways KL(softmax(scale a a^T) || softmax(scale s a^T)), the first without gradient; a mean over the batch, 0 at
    best. Captions of one entity have nearly the same anchor, so each is a right answer for the others: as labels, the
    diagonal alone would call them wrong.

    Args:
        side: (b, D) T_eot or V_cls, not normalised.
        anchors: (b, D) of the same rows.
        scale, whole: as in `contrastive_loss`.
    """
    whole = whole or LocalBatch(len(side))
    side = F.normalize(at_least_fp32(side), dim=-1)
    anchors = F.normalize(anchors.to(side.dtype), dim=-1)
    scale, all_anchors = at_least_fp32(scale), whole.gather(anchors)
    target = fine_matmul(scale.detach() * anchors, all_anchors.T).softmax(dim=-1)
    per_side = fine_matmul(scale * side, all_anchors.T)
    per_anchor = per_side.T if whole.processes == 1 else fine_matmul(scale * anchors, whole.gather(side).T)
    ways = (F.kl_div(x.log_softmax(dim=-1), target, reduction="sum") / whole.size for x in (per_side, per_anchor))
    return torch.stack(list(ways)).mean()


def matching_loss(
    logits: Tensor, label: int, rows: Tensor | None = None, *, epsilon: float = 0.0, count: Tensor | int | None = None
) -> Tensor:
    """-log(p + epsilon), p the probability that softmax gives the label; a mean over the rows.

    Args:
        logits: (b, 2) match logits.
        label: MATCH or NO_MATCH, the same for every row.
        rows: (b,) bool, which rows count; None: all. Zero where none does.
        epsilon: 0 is cross-entropy. Above 0, a pair that is firmly wrong loses its gradient.
        count: how many rows count in the whole batch; None: as many as here.
    """
    logits = at_least_fp32(logits)
    log_p = (logits.softmax(dim=-1) + epsilon).log() if epsilon else logits.log_softmax(dim=-1)
    loss = -log_p[:, label]
    if rows is None:
        return loss.sum() / (len(loss) if count is None else count)
    return (loss * rows).sum() / (rows.sum() if count is None else torch.as_tensor(count)).clamp(min=1)
