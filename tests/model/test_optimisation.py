import math

import pytest
import torch

from model.entityclip import EntityCLIP
from model.optimisation import clamp_logit_scale, make_optimizer, schedule, set_learning_rate
from model.settings import MethodSettings, OptimSettings


def test_groups_have_the_right_rates_and_decay(towers):
    model = EntityCLIP(towers.clip, MethodSettings(image_experts=1, shared_experts=1, text_experts=1))
    settings = OptimSettings(steps=10, batch_size=4, lr=1e-5, new_lr=1e-3, weight_decay=0.2, warmup=0)
    optimizer = make_optimizer(model, settings)
    rates = set_learning_rate(optimizer, 0, settings)
    assert rates == {"towers": 1e-5, "new": 1e-3}
    names = {id(p): name for name, p in model.named_parameters()}
    found = {names[id(p)]: g for g in optimizer.param_groups for p in g["params"]}
    assert set(found) == set(names.values())
    for name, group in found.items():
        assert group["lr"] == (1e-5 if name.startswith("clip.") else 1e-3)
    spared = {name for name, group in found.items() if group["weight_decay"] == 0}
    assert {"clip.logit_scale", "clip.token_embedding.weight", "clip.positional_embedding"} <= spared
    assert {"clip.visual.class_embedding", "clip.visual.positional_embedding"} <= spared
    assert all(name in spared for name in found if name.endswith("bias") or ".ln_" in name)
    assert {"clip.text_projection", "clip.visual.proj", "clip.visual.conv1.weight"}.isdisjoint(spared)
    assert "experts.shared.in_proj_weight" not in spared and "matching.head.weight" not in spared


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (10, 0.0), (100, 0.1), (7, 0.9)])
def test_schedule_rises_then_falls_to_zero(steps, warmup):
    shares = [schedule(step, steps, warmup) for step in range(steps)]
    rising = round(warmup * steps)
    assert all(0 < share <= 1 for share in shares)
    assert shares[:rising] == sorted(shares[:rising]) and shares[rising:] == sorted(shares[rising:], reverse=True)
    if rising < steps:
        assert shares[rising] == 1 and math.isclose(schedule(steps, steps, warmup), 0, abs_tol=1e-12)


def test_logit_scale_stays_in_clips_bounds(towers):
    model = EntityCLIP(towers.clip, MethodSettings(mmae=False, gi_itm=False))
    for given, kept in ((9.0, math.log(100)), (-1.0, 0.0), (2.0, 2.0)):
        with torch.no_grad():
            model.clip.logit_scale.fill_(given)
        clamp_logit_scale(model)
        assert math.isclose(model.clip.logit_scale.item(), kept, rel_tol=1e-6)
