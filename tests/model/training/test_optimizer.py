import math

import pytest
import torch

from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.settings.schema import MethodSettings, OptimSettings
from model.training.optimizer import (
    clamp_logit_scale,
    clip_gradients,
    gradient_norm,
    make_optimizer,
    schedule,
    set_learning_rate,
)


def test_groups_have_the_right_rates_and_decay(towers):
    model = EntityCLIP(towers.clip, MethodSettings(image_experts=1, shared_experts=1, text_experts=1))
    settings = OptimSettings(steps=10, batch_size=4, lr=1e-5, new_lr=1e-3, weight_decay=0.2, warmup=0)
    optimizer = make_optimizer(model, settings)
    rates = set_learning_rate(optimizer, 0, 10, settings)
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


def named_groups(model, settings) -> dict[str, dict]:
    names = {id(p): name for name, p in model.named_parameters()}
    return {names[id(p)]: group for group in make_optimizer(model, settings).param_groups for p in group["params"]}


def grouped(*groups: dict, **changes) -> OptimSettings:
    return OptimSettings.model_validate({"steps": 10, "batch_size": 4, "groups": groups, **changes})


def test_patterns_choose_rates_and_decay_and_the_first_decides(towers):
    model = EntityCLIP(towers.clip, MethodSettings(image_experts=1, shared_experts=1, text_experts=1))
    plain = named_groups(model, grouped(weight_decay=0.2))
    found = named_groups(
        model,
        grouped(
            {"pattern": r"^clip\.visual\.transformer\.resblocks\.0\.", "lr": 3e-6},
            {"pattern": r"^clip\.visual\.", "weight_decay": 0.5},
            {"pattern": "^experts", "lr": 7e-4, "weight_decay": 0},
            weight_decay=0.2,
        ),
    )
    assert found.keys() == plain.keys()
    for name, group in found.items():
        block, visual = "visual.transformer.resblocks.0." in name, name.startswith("clip.visual.")
        rate = 3e-6 if block else 7e-4 if name.startswith("experts") else plain[name]["peak_lr"]
        decay = 0.5 if visual and not block else 0 if name.startswith("experts") else 0.2
        assert (group["peak_lr"], group["weight_decay"]) == (rate, decay if plain[name]["weight_decay"] else 0), name
    rates = set_learning_rate(make_optimizer(model, grouped({"pattern": "proj", "lr": 1.0})), 5, 10, grouped(warmup=0))
    assert rates == {"proj": 0.5, "towers": 0.5e-5, "new": 0.5e-4}


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([{"pattern": r"visual\.transfomer", "lr": 1}], r"'visual.*matches no .*clip\.visual\.transformer"),
        ([{"pattern": "expert_s", "lr": 1}], r"matches no trained parameter.*experts"),
        ([{"pattern": "proj", "lr": 1}, {"pattern": "out_proj", "lr": 2}], "'out_proj' matches only .* move it before"),
        ([{"pattern": "bias$", "weight_decay": 0.1}], "'bias.*only parameters without weight decay, such as clip"),
        ([{"pattern": "logit_scale", "weight_decay": 0.1}], "without weight decay"),
    ],
)
def test_a_pattern_that_changes_nothing_is_named(towers, groups, words):
    model = EntityCLIP(towers.clip, MethodSettings(image_experts=1, shared_experts=1, text_experts=1))
    with pytest.raises(ModelError, match=words):
        make_optimizer(model, grouped(*groups))


def test_locked_parameters_are_no_ones(towers):
    model = EntityCLIP(towers.clip, MethodSettings(mmae=False, gi_itm=False))
    towers.clip.visual.requires_grad_(False)
    with pytest.raises(ModelError, match="matches no trained parameter"):
        make_optimizer(model, grouped({"pattern": "visual", "lr": 1}))
    assert not any(name.startswith("clip.visual") for name in named_groups(model, grouped()))


def test_adam_is_the_textbooks():
    """Kingma and Ba, algorithm 1, in fp64 by hand, on a loss whose gradient is the weights."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2, bias=False).double()
    settings = grouped(optimizer="adam", weight_decay=0, lr=0.1, new_lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8)
    optimizer = make_optimizer(model, settings)
    assert type(optimizer) is torch.optim.Adam
    expected, m, v = model.weight.detach().clone(), 0, 0
    for t in range(1, 6):
        rate = set_learning_rate(optimizer, t - 1, 5, settings)["new"]
        model.weight.grad = model.weight.detach().clone()
        optimizer.step()
        m, v = 0.9 * m + 0.1 * expected, 0.999 * v + 0.001 * expected**2
        expected = expected - rate * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        torch.testing.assert_close(model.weight.detach(), expected)


def test_gradients_are_clipped_together():
    model = torch.nn.Linear(3, 2)
    model.weight.grad, model.bias.grad = torch.full((2, 3), 2.0), torch.full((2,), 5.0)
    before = [p.grad.clone() for p in model.parameters()]
    norm = math.sqrt(6 * 4 + 2 * 25)
    assert math.isclose(gradient_norm(model), norm, rel_tol=1e-6)
    for longest in (None, 100.0):
        clip_gradients(model, longest, norm)
        assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), before, strict=True))
    clip_gradients(model, 0.5, norm)
    for parameter, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.grad, old * 0.5 / norm, rtol=1e-4, atol=0)
