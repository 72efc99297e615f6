"""Cutting texts to a batch's longest changes neither losses nor gradients, where nothing reads padding."""

from dataclasses import replace

import pytest
import torch

from model.clip.towers import Towers
from model.method.entityclip import EntityCLIP
from model.rng import seeded
from model.settings.schema import MethodSettings
from tests.model.method.test_entityclip import some_batch
from tests.model.tiny_clip import VOCABULARY

END = len(VOCABULARY) - 1


@pytest.mark.parametrize("mask_padding", [True, False])
def test_trimmed_equals_padded(towers: Towers, mask_padding: bool) -> None:
    method = MethodSettings(image_experts=2, shared_experts=2, text_experts=2, mask_padding=mask_padding)
    torch.manual_seed(0)
    model = EntityCLIP(towers.clip, method)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    padded = some_batch(6)
    assert padded.explanations is not None
    for texts, longest in ((padded.captions, 6), (padded.explanations, 8)):
        for row in range(len(texts)):
            end = longest - 1 - row % 3
            texts[row, end], texts[row, end + 1 :] = END, 0
    trimmed = replace(padded, captions=padded.captions[:, :6], explanations=padded.explanations[:, :8])

    losses, gradients = [], []
    for batch in (padded, trimmed):
        model.zero_grad()
        step = model(batch, generator=seeded(0, "negatives"))
        step.losses["total"].backward()
        losses.append({name: loss.item() for name, loss in step.losses.items()})
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    errors = {n: float((gradients[1][n] - g).norm() / g.norm().clamp(min=1e-3)) for n, g in gradients[0].items()}
    same = losses[1] == pytest.approx(losses[0], rel=1e-5) and max(errors.values()) < 1e-5
    assert len(errors) == len(list(model.named_parameters()))
    assert same == mask_padding, errors
