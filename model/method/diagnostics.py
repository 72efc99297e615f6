"""What a step says beside its losses: how the gates use their experts, and how often GI-ITM is right.

All of it stays on the device as scalars; the training loop brings them over in one transfer.
"""

import torch
from torch import Tensor

from model.distributed.local import LocalBatch
from model.method.hard_negatives import HardNegatives
from model.method.losses import MATCH, NO_MATCH
from model.method.mmae import ExpertOutputs


def expert_names(outputs: ExpertOutputs) -> tuple[list[str], list[str]]:
    """Names of the rows of X_v and X_t in their order: `image_1`, ..., `image_shared_1`, ...; `text_1`, ..."""
    sides = [("image", outputs.image), ("image_shared", outputs.image_shared)]
    sides += [("text", outputs.text), ("text_shared", outputs.text_shared)]
    names = [[f"{side}_{row}" for row in range(1, rows.shape[1] + 1)] for side, rows in sides]
    return names[0] + names[1], names[2] + names[3]


def gate_usage(gate: str, weights: Tensor, names: list[str], whole: LocalBatch | None = None) -> dict[str, Tensor]:
    """Scalars on the device of a gate's weights (b, n): `gate/NAME` and `gate/effective_experts`, of the whole batch.

    All are means over the batch's rows. The first sum to 1: an expert near 0 is never used. The last is exp of a row's
    entropy, from 1 (every pair reads one expert) to n (all alike): how many experts a pair draws on.
    """
    whole = whole or LocalBatch(len(weights))
    weights = weights.detach().float()
    effective = torch.special.entr(weights).sum(dim=-1, keepdim=True).exp()
    means = whole.sum(torch.cat([weights, effective], dim=-1).sum(dim=0)) / whole.size
    return {f"{gate}/{name}": mean for name, mean in zip([*names, "effective_experts"], means, strict=True)}


def matching_accuracy(
    positive: Tensor,
    wrong_text: Tensor,
    wrong_image: Tensor,
    negatives: HardNegatives,
    whole: LocalBatch | None = None,
) -> dict[str, Tensor]:
    """Share of right answers of GI-ITM, by pass and over all, in the whole batch; logits (b, 2) of the three passes.

    Over all, two of three answers are "no match", so saying nothing else is right in 67 %: look at the passes one by
    one. NaN for a pass in which no row has a negative.
    """
    whole = whole or LocalBatch(len(positive))
    everyone = torch.ones_like(negatives.text_exists)
    passes = {
        "positive": (positive, MATCH, everyone),
        "wrong_text": (wrong_text, NO_MATCH, negatives.text_exists),
        "wrong_image": (wrong_image, NO_MATCH, negatives.image_exists),
    }
    right = torch.stack([((logits.argmax(dim=-1) == label) & rows).sum() for logits, label, rows in passes.values()])
    right, asked = whole.sum(torch.stack([right, torch.stack([rows.sum() for _, _, rows in passes.values()])]))
    accuracy = {f"itm_accuracy_{name}": share for name, share in zip(passes, right / asked, strict=True)}
    return {"itm_accuracy": right.sum() / asked.sum(), **accuracy}
