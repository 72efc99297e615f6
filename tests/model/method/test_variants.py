"""Our variants of MMAE and GI-ITM: what each is by its equation."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from model.distributed.local import LocalBatch
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.method.losses import contrastive_loss
from model.method.mmae import as_context
from model.settings.schema import MethodSettings
from tests.model.training.test_gradient_cache import OFF, ragged_batch

ON = {"mmae": True, "gi_itm": True, "aux_weight": 1.0, "image_experts": 2, "shared_experts": 1, "text_experts": 2}


def _model(towers, **method) -> EntityCLIP:
    torch.manual_seed(0)
    return EntityCLIP(towers.clip, MethodSettings(**{**ON, **method}))


def test_one_sided_the_image_does_not_read_the_explanation(towers):
    model = _model(towers, one_sided=True)
    batch = ragged_batch(5)
    features = model.token_features(batch)
    outputs = model.experts(features, _explanation(features))
    other = features._replace(explanation=features.explanation.roll(1, 0))
    changed = model.experts(other, _explanation(other))
    assert outputs.x_v.shape[1] == 2 and outputs.x_t.shape[1] == 3
    assert torch.equal(outputs.x_v, changed.x_v) and not torch.equal(outputs.x_t, changed.x_t)
    losses = model(batch, generator=torch.Generator().manual_seed(1)).losses
    assert losses["itm"].isfinite() and losses["mmae"].isfinite()


@pytest.mark.parametrize("cached", [False, True])
def test_mixtures_of_images_and_texts_alone_are_those_of_triples(towers, cached):
    model, batch = _model(towers, one_sided=True, cached_explanations=cached, gi_itm=False), ragged_batch(5)
    features = model.token_features(batch)
    outputs = model.experts(features, model._explanation_context(features))
    torch.testing.assert_close(model.image_mixture(batch.images), model.image_gate(features.v_cls, outputs.x_v)[1])
    explanations = batch.segments if cached else batch.explanations
    found = model.text_mixture(batch.captions, explanations)
    torch.testing.assert_close(found, model.text_gate(features.t_eot, outputs.x_t)[1])


def test_as_published_both_sides_read_it(towers):
    model = _model(towers)
    features = model.token_features(ragged_batch(5))
    other = features._replace(explanation=features.explanation.roll(1, 0))
    assert not torch.equal(
        model.experts(features, _explanation(features)).x_v, model.experts(other, _explanation(other)).x_v
    )


def test_cached_explanations_are_read_by_segment_and_not_encoded(towers):
    model = _model(towers, one_sided=True, cached_explanations=True)
    batch = replace(ragged_batch(5), explanations=None)
    features = model.token_features(batch)
    outputs = model.experts(features, model._explanation_context(features))
    alone = model.experts.on_explanation(features.t_eot[:1], as_context(batch.segments[:1, :2], None))
    torch.testing.assert_close(outputs.text_shared[:1], alone)  # the first explanation has two segments of three
    losses = model(batch, generator=torch.Generator().manual_seed(1)).losses
    losses["total"].backward()
    assert losses["itm"].isfinite() and model.experts.shared.out_proj_weight.grad.abs().sum() > 0
    with pytest.raises(ModelError, match="train with explanations encoded before, but the batch has none"):
        model.token_features(replace(batch, segments=None))


def test_with_zero_init_experts_start_as_what_they_read_with(towers):
    model = _model(towers, one_sided=True, zero_init=True, gi_itm=False)
    step = model(ragged_batch(5))
    torch.testing.assert_close(step.losses["mmae"], step.losses["vtc"])
    step.losses["total"].backward()
    assert model.experts.shared.out_proj_weight.grad.abs().sum() > 0  # but they learn


def test_fused_losses_match_images_with_captions_and_anchors(towers):
    batch = ragged_batch(5)
    scale, anchors = towers.clip.logit_scale.exp(), batch.anchors
    model = EntityCLIP(towers.clip, MethodSettings(**OFF, fused_weight=0.5, fused_alpha=1.5))
    step = model(batch)
    image = towers.clip.encode_image(batch.images, normalize=True)
    text = towers.clip.encode_text(batch.captions, normalize=True)
    wanted = contrastive_loss(image, text + 1.5 * anchors, scale).loss
    torch.testing.assert_close(step.losses["fused"], wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(step.losses["total"], step.losses["vtc"] + 0.5 * wanted, rtol=1e-5, atol=1e-6)

    model = _model(towers, one_sided=True, zero_init=True, gi_itm=False, mmae_fused_weight=2.0)
    step = model(batch)
    wanted = contrastive_loss(image, text + anchors, scale).loss  # V* and T* are V_cls and T_eot at the start
    torch.testing.assert_close(step.losses["mmae_fused"], wanted, rtol=1e-5, atol=1e-6)
    total = step.losses["vtc"] + step.losses["mmae"] + 2 * wanted
    torch.testing.assert_close(step.losses["total"], total, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mmae", [False, True])
def test_distillation_pulls_captions_to_what_explanations_say(towers, mmae):
    batch = ragged_batch(5)
    scale, anchors = towers.clip.logit_scale.exp().detach(), batch.anchors
    method = {"mmae_fused_weight": 1.0, "one_sided": True, "zero_init": True} if mmae else {"fused_weight": 1.0}
    on = {**ON, "gi_itm": False} if mmae else OFF
    model = EntityCLIP(towers.clip, MethodSettings(**on, **method, distill_weight=0.7))
    step = model(batch)
    image = towers.clip.encode_image(batch.images, normalize=True)
    text = towers.clip.encode_text(batch.captions, normalize=True)
    fused = F.normalize(text + (1.0 if mmae else 1.5) * anchors, dim=-1)  # V* and T* are V_cls and T_eot at the start
    teacher, student = (scale * image @ one.T for one in (fused, text))
    ways = [
        (theirs.softmax(1) * (theirs.log_softmax(1) - ours.log_softmax(1))).sum(1).mean()
        for ours, theirs in ((student, teacher), (student.T, teacher.T))
    ]
    torch.testing.assert_close(step.losses["distill"], sum(ways) / 2, rtol=1e-4, atol=1e-5)
    without = step.losses["total"] - 0.7 * step.losses["distill"]
    torch.testing.assert_close(without, EntityCLIP(towers.clip, MethodSettings(**on, **method))(batch).losses["total"])


def test_a_dropped_query_is_zero_and_only_in_training(towers):
    model = _model(towers, query_dropout=0.5, gi_itm=False)
    batch = ragged_batch(6)
    plain = _model(towers, gi_itm=False)(batch).losses["mmae"]
    assert torch.equal(model.eval()(batch).losses["mmae"], plain)
    model.train()
    one, same, other = (model(batch, generator=torch.Generator().manual_seed(n)).losses["mmae"] for n in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)
    features = model.token_features(batch)
    query = model._text_query(features.t_eot, torch.Generator().manual_seed(5), _alone(6))
    dropped = (query == 0).all(dim=1)
    assert 0 < dropped.sum() < 6
    assert torch.equal(query[~dropped], features.t_eot[~dropped])


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="one_sided: the image reads image experts only"):
        MethodSettings(one_sided=True, image_experts=0)
    with pytest.raises(ValidationError, match="distill_weight needs fused scores"):
        MethodSettings(**OFF, distill_weight=1.0)
    with pytest.raises(ValidationError, match="mmae_fused_weight needs MMAE"):
        MethodSettings(**OFF, mmae_fused_weight=1.0)


def _explanation(features):
    return as_context(features.explanation, features.explanation_readable)


def _alone(size):
    return LocalBatch(size)
