"""Step 5 of the method: the terms of the loss, computed in at least fp32 whatever the towers' precision.

If the batch is sharded over processes (`whole`), each function takes this process's b of the B rows, and returns their
share of the loss; the shares of all processes add up to the loss of the whole batch.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from model.distributed.local import LocalBatch
from model.precision import at_least_fp32, fine_matmul

MATCH, NO_MATCH = 0, 1


class Contrast(NamedTuple):
    """A contrastive loss and the similarities it was computed from."""

    loss: Tensor  # scalar
    per_image: Tensor  # (b, B) own images to all texts
    per_text: Tensor  # (b, B) own texts to all images


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor, whole: LocalBatch | None = None) -> Contrast:
    """Return L_vtc: CLIP's symmetric cross-entropy on cosines times the scalar `scale` = exp(logit_scale).

    Args:
        image, text: (b, D), not normalised; row i of `image` belongs to row i of `text`.
        whole: the whole batch that these rows belong to; None: these rows are the whole batch.
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
    """Return the explanation bridge, our extension: L_vtc(V_cls, E_eot) + L_vtc(T_eot, E_eot).

    As published, V* and T* of a pair read the same explanation, so L_vtc(V*, T*) can fall without any learning in
    the towers; the bridge makes them learn. V_cls, T_eot, E_eot: (b, D); `scale`, `whole`: as in `contrastive_loss`.
    """
    return contrastive_loss(v_cls, e_eot, scale, whole).loss + contrastive_loss(t_eot, e_eot, scale, whole).loss


def anchor_loss(side: Tensor, anchors: Tensor, scale: Tensor, whole: LocalBatch | None = None) -> Tensor:
    """Return the anchor loss (our extension): a side's similarities to anchors should match those between anchors.

    It is KL(softmax(scale a a^T) || softmax(scale s a^T)), averaged over both directions and the batch, with no
    gradient through the target; it is at least 0. Captions of one entity have nearly equal anchors, so each is a valid
    match for the others; one-hot labels would treat the other captions as wrong.

    Args:
        side: T_eot or V_cls (b, D), not normalised.
        anchors: the same rows' anchors (b, D).
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


def distillation_loss(student: Contrast, teacher: Contrast, whole: LocalBatch | None = None) -> Tensor:
    """Return KL(softmax(teacher) || softmax(student)) of scaled cosines, over both directions and the batch (ours).

    No gradient passes through the teacher. `whole`: as in `contrastive_loss`.
    """
    size = (whole or LocalBatch(len(student.per_image))).size
    pairs = ((student.per_image, teacher.per_image), (student.per_text, teacher.per_text))
    ways = [
        F.kl_div(ours.log_softmax(dim=-1), theirs.detach().softmax(dim=-1), reduction="sum") / size
        for ours, theirs in pairs
    ]
    return torch.stack(ways).mean()


def with_anchors(text: Tensor, anchors: Tensor, alpha: float) -> Tensor:
    """Return norm(text) + alpha A (B, D), a caption read together with its explanation (our extension).

    Args:
        text: T_eot or T* (B, D), not normalised.
        anchors: A (B, D), normalised, without gradient.
    """
    text = F.normalize(at_least_fp32(text), dim=-1)
    return text + alpha * anchors.to(text.dtype)


def matching_loss(
    logits: Tensor, label: int, rows: Tensor | None = None, *, epsilon: float = 0.0, count: Tensor | int | None = None
) -> Tensor:
    """Return the mean over rows of -log(p + epsilon), where p is the softmax probability of the label.

    Args:
        logits: (b, 2) match logits.
        label: MATCH or NO_MATCH, the same for every row.
        rows: mask (b,) of the rows that count; None: all rows. The loss is 0 if no row counts.
        epsilon: 0 gives cross-entropy; above 0, the gradient vanishes for confidently wrong pairs.
        count: number of rows that count in the whole batch; None: as many as in this process.
    """
    logits = at_least_fp32(logits)
    log_p = (logits.softmax(dim=-1) + epsilon).log() if epsilon else logits.log_softmax(dim=-1)
    loss = -log_p[:, label]
    if rows is None:
        return loss.sum() / (len(loss) if count is None else count)
    return (loss * rows).sum() / (rows.sum() if count is None else torch.as_tensor(count)).clamp(min=1)
