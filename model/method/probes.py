"""Probes of the training-only losses on one batch, at any point in training.

As published, V* and T* of a pair read the same explanation, so the model may lower L_vtc(V*, T*) by copying whatever
the explanation says. Swapping or removing explanations shows whether it does.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from model.clip.towers import TokenFeatures
from model.distributed.local import LocalBatch
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.method.losses import contrastive_loss
from model.method.mmae import Context, as_context

AS_TRAINED = "as trained"
BOTH_SIDES = "others', the same on both sides"
ONE_SIDE = "others', on the captions' side"
TAKEN_AWAY = "taken from the captions' side"


class Copying(NamedTuple):
    """L_vtc(V*, T*) of a batch for each choice of explanations; `chance` is the loss of random guesses."""

    losses: dict[str, float]
    chance: float


@torch.no_grad()
def copying(model: EntityCLIP, features: TokenFeatures) -> Copying:
    """Return MMAE's loss with explanations unchanged, swapped on both sides or one side, or removed on one side.

    Swapped: row i reads the explanation of row i - 1. Removed: the outputs of the shared experts are zero.

    Raises ModelError for a model without MMAE or without experts that read explanations.
    """
    if model.experts is None or model.image_gate is None or model.text_gate is None or features.explanation is None:
        raise ModelError("the probe needs a model with MMAE and shared experts, and a batch with explanations")
    own = as_context(features.explanation, features.explanation_readable)
    other = Context(*(None if x is None else x.roll(1, dims=0) for x in own))  # type: ignore[arg-type]
    with_own, with_other = (model.experts(features, explanation) for explanation in (own, other))
    v_own, v_other = (model.image_gate(features.v_cls, outputs.x_v)[1] for outputs in (with_own, with_other))
    with_none = with_own._replace(text_shared=torch.zeros_like(with_own.text_shared))
    t_own, t_other, t_none = (
        model.text_gate(features.t_eot, outputs.x_t)[1] for outputs in (with_own, with_other, with_none)
    )
    assert isinstance(model.clip.logit_scale, Tensor)
    scale = model.clip.logit_scale.exp()
    sides = {
        AS_TRAINED: (v_own, t_own),
        BOTH_SIDES: (v_other, t_other),
        ONE_SIDE: (v_own, t_other),
        TAKEN_AWAY: (v_own, t_none),
    }
    losses = {name: float(contrastive_loss(v, t, scale).loss) for name, (v, t) in sides.items()}
    return Copying(losses, float(torch.tensor(float(len(v_own))).log()))


def gradients_at_towers(
    model: EntityCLIP, encode: Callable[[], TokenFeatures], groups: Tensor, generator: torch.Generator
) -> dict[str, float]:
    """Return the norm of each weighted loss term's gradient with respect to the towers' parameters.

    Args:
        encode: computes the batch's token features with gradient; called once per term.
        groups: (3, B), as in `Batch.groups`.
        generator: random generator for the hard negatives; its state is reset for each term.

    The parameters' `.grad` is not changed.
    """
    weights = {
        "vtc": 1.0,
        "mmae": model.method.aux_weight,
        "itm": model.method.itm_weight,
        "bridge": model.method.bridge_weight,
        "anchor_text": model.method.anchor_text_weight,
        "anchor_image": model.method.anchor_image_weight,
    }
    towers = [parameter for parameter in model.clip.parameters() if parameter.requires_grad]
    state, found = generator.get_state(), {}
    for name, weight in weights.items():
        generator.set_state(state)
        losses = model.losses(encode(), groups, generator=generator, whole=LocalBatch(groups.shape[1])).losses
        if name in losses and weight:
            gradients = torch.autograd.grad(weight * losses[name], towers, allow_unused=True)
            found[name] = float(torch.stack([g.norm() for g in gradients if g is not None]).norm())
    return found
