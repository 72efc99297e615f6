"""Metrics of a training step: how the gates use the experts, and the accuracy of GI-ITM.

All are scalars on the model's device; the training loop copies them to the CPU in one transfer.
"""

import torch
from torch import Tensor

from model.distributed.local import LocalBatch
from model.method.hard_negatives import HardNegatives
from model.method.losses import MATCH, NO_MATCH
from model.method.mmae import ExpertOutputs


def expert_names(outputs: ExpertOutputs) -> tuple[list[str], list[str]]:
    """Return names for the experts in X_v (`image_1`, ..., `image_shared_1`, ...) and in X_t (`text_1`, ...)."""
    sides = [("image", outputs.image), ("image_shared", outputs.image_shared)]
    sides += [("text", outputs.text), ("text_shared", outputs.text_shared)]
    names = [[f"{side}_{row}" for row in range(1, rows.shape[1] + 1)] for side, rows in sides]
    return names[0] + names[1], names[2] + names[3]


def gate_usage(gate: str, weights: Tensor, names: list[str], whole: LocalBatch | None = None) -> dict[str, Tensor]:
    """Summarise a gate's weights (b, n) as `gate/NAME` and `gate/effective_experts`, both means over the whole batch.

    `gate/NAME` is an expert's mean weight; these weights sum to 1. `gate/effective_experts` is exp(entropy) of a row's
    weights, from 1 (one expert per pair) to n (uniform).
    """
    whole = whole or LocalBatch(len(weights))
    weights = weights.detach().float()
    effective = torch.special.entr(weights).sum(dim=-1, keepdim=True).exp()
    means = whole.sum(torch.cat([weights, effective], dim=-1).sum(dim=0)) / whole.size
    return {f"{gate}/{name}": mean for name, mean in zip([*names, "effective_experts"], means, strict=True)}


def matching_accuracy(
    positive: Tensor, wrong_text: Tensor, wrong_image: Tensor, negatives: HardNegatives, whole: LocalBatch | None = None
) -> dict[str, Tensor]:
    """Return GI-ITM's accuracy on the whole batch, by pass and overall, from the logits (b, 2) of the three passes.

    Always answering "no match" is correct in two of three passes, which is 67 % overall, so compare the passes
    separately. If no row has a negative for a pass, the accuracy of this pass is NaN.
    """
    whole = whole or LocalBatch(len(positive))
    all_rows = torch.ones_like(negatives.text_exists)
    passes = {
        "positive": (positive, MATCH, all_rows),
        "wrong_text": (wrong_text, NO_MATCH, negatives.text_exists),
        "wrong_image": (wrong_image, NO_MATCH, negatives.image_exists),
    }
    correct = torch.stack([((logits.argmax(dim=-1) == label) & rows).sum() for logits, label, rows in passes.values()])
    correct, total = whole.sum(torch.stack([correct, torch.stack([rows.sum() for _, _, rows in passes.values()])]))
    accuracy = {f"itm_accuracy_{name}": share for name, share in zip(passes, correct / total, strict=True)}
    return {"itm_accuracy": correct.sum() / total.sum(), **accuracy}
