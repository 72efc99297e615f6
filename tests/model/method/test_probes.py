"""The probes, where their answers are known beforehand."""

from dataclasses import replace

import pytest
import torch

from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.method.probes import AS_TRAINED, BOTH_SIDES, ONE_SIDE, TAKEN_AWAY, copying, gradients_at_towers
from model.rng import seeded
from model.settings.schema import MethodSettings
from tests.model.training.test_gradient_cache import OFF, model_of, ragged_batch


def test_a_model_that_copies_is_found_out(towers):
    """Gates that read the shared expert alone, and an expert that hands on the explanation's mean, whoever asks."""
    model, batch = model_of(towers.clip, {}), ragged_batch(8)
    with torch.no_grad():
        for gate, shared in ((model.image_gate, 2), (model.text_gate, 1)):
            gate.score.weight.zero_()
            gate.score.bias.fill_(-50.0)
            gate.score.bias[shared:] = 50.0
        expert = model.experts.shared
        for parameter in expert.parameters():
            parameter.zero_()
        width = expert.ln_1_weight.shape[1]
        expert.ln_1_weight.fill_(1.0)
        expert.in_proj_weight[:, 2 * width :] = torch.eye(width)
        expert.out_proj_weight[:] = 1e3 * torch.eye(width)  # the query beside it is nothing
    with torch.no_grad():
        found = copying(model, model.token_features(batch))
    assert found.chance == pytest.approx(torch.tensor(8.0).log().item())
    assert found.losses[AS_TRAINED] < 0.2 * found.chance
    assert found.losses[BOTH_SIDES] == pytest.approx(found.losses[AS_TRAINED], abs=0.02)
    assert found.losses[ONE_SIDE] > found.chance and found.losses[TAKEN_AWAY] > 2 * found.losses[AS_TRAINED]


def test_gradients_are_those_of_the_terms(towers):
    methods = {"bridge_weight": 0.5, "anchor_text_weight": 0.5}
    model, batch = model_of(towers.clip, methods).double(), ragged_batch(7)
    batch = replace(batch, images=batch.images.double())
    found = gradients_at_towers(model, lambda: model.token_features(batch), batch.groups, seeded(0, "negatives"))
    assert set(found) == {"vtc", "mmae", "itm", "bridge", "anchor_text"} and min(found.values()) > 0
    assert all(parameter.grad is None for parameter in model.parameters())
    step = model(batch, generator=seeded(0, "negatives"))
    (0.5 * step.losses["itm"]).backward()
    wanted = torch.stack([p.grad.norm() for p in model.clip.parameters() if p.grad is not None]).norm()
    assert found["itm"] == pytest.approx(float(wanted), rel=1e-9)


def test_what_has_nothing_to_copy_is_refused(towers):
    model = EntityCLIP(towers.clip, MethodSettings(**OFF))
    with pytest.raises(ModelError, match="needs a model with MMAE"):
        copying(model, model.token_features(ragged_batch(3)))
