"""Gradients of a batch in pieces are those of the batch at once, for every parameter."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from model.clip.open_clip_import import open_clip
from model.clip.towers import TokenFeatures
from model.errors import ModelError
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.rng import forked, random_tensors, restore_random_tensors, seeded
from model.settings.schema import MethodSettings
from model.training.step import TrainingStep
from tests.model.clip.test_towers import RESNET_SIZE, build, resnet
from tests.model.method.test_entityclip import some_batch
from tests.model.tiny_clip import CONTEXT_LENGTH, VOCABULARY, WIDTH

OFF = {"mmae": False, "gi_itm": False}
METHODS = {
    "plain CLIP": OFF,
    "bridge only": {**OFF, "bridge_weight": 0.5},
    "MMAE only": {"gi_itm": False},
    "GI-ITM only": {"mmae": False, "shared_experts": 0},
    "EntityCLIP": {},
    "EntityCLIP and bridge": {"bridge_weight": 0.5},
    "anchors only": {**OFF, "anchor_text_weight": 0.5},
    "EntityCLIP and anchors": {"anchor_text_weight": 0.5, "anchor_image_weight": 0.5},
    "one-sided and fused": {
        "one_sided": True,
        "fused_weight": 0.5,
        "distill_weight": 0.5,
        "mmae_fused_weight": 0.5,
        "query_dropout": 0.3,
        "anchor_text_weight": 0.5,
    },
    "one-sided over cached explanations": {"one_sided": True, "cached_explanations": True, "mmae_fused_weight": 0.5},
    "reference_compat": {"reference_compat": True},
}
BF16 = partial(torch.autocast, "cpu", dtype=torch.bfloat16)


def ragged_batch(size: int) -> Batch:
    """Texts of every length, some rows that may not be each other's negatives."""
    batch, groups = some_batch(size), torch.arange(size) // 2
    assert batch.explanations is not None
    for texts, first in ((batch.captions, 2), (batch.explanations, 5)):
        for row in range(size):
            end = 1 + (first + row) % (CONTEXT_LENGTH - 1)
            texts[row, end], texts[row, end + 1 :] = len(VOCABULARY) - 1, 0
    anchors = torch.randn(size, WIDTH, generator=seeded(0, "anchors"))
    segments = torch.randn(size, 3, WIDTH, generator=seeded(0, "segments"))
    segments[::2, 2:] = 0  # these explanations have two
    return replace(batch, key_group=groups, anchors=anchors, segments=segments)


def model_of(clip: torch.nn.Module, method: dict) -> EntityCLIP:
    """Small experts, nothing at its symmetric start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        small = {"image_experts": 2, "shared_experts": 1, "text_experts": 1, "aux_weight": 0.5, "itm_weight": 0.5}
        model = EntityCLIP(clip, MethodSettings(**(small | method)))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    return model.train()


def gradients(model: EntityCLIP, batch: Batch, micro: int | None, autocast=nullcontext) -> dict[str, torch.Tensor]:
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e3)  # of the step before: must not count
    TrainingStep(model, 0, autocast, micro_batch_size=micro).gradients(3, batch)
    found = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert all(grad is not None for grad in found.values())
    return found


def worst(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> tuple[float, str]:
    """The largest error of a parameter's gradient, beside its own largest entry.

    A parameter whose gradient is nothing but rounding (an expert's key bias has none) counts beside all of them.
    """
    floor = 1e-3 * max(float(grad.abs().max()) for grad in expected.values())
    assert found.keys() == expected.keys()
    return max(
        (float((found[name] - grad).abs().max()) / max(float(grad.abs().max()), floor), name)
        for name, grad in expected.items()
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", METHODS)
def test_in_pieces_as_at_once(towers, method, dtype):
    model = model_of(towers.clip, METHODS[method]).to(dtype)
    batch = ragged_batch(11)
    batch = replace(batch, images=batch.images.to(dtype))
    at_once = {name: grad.clone() for name, grad in gradients(model, batch, None).items()}
    assert "clip.logit_scale" in at_once and at_once["clip.logit_scale"].abs() > 1e-3
    for micro in (1, 4, 10):
        error, name = worst(gradients(model, batch, micro), at_once)
        assert error < (1e-5 if dtype == torch.float32 else 1e-12), (micro, name)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(2, 9), micro=st.integers(1, 10), method=st.sampled_from(sorted(METHODS)))
def test_any_sizes(towers, size, micro, method):
    model, batch = model_of(towers.clip, METHODS[method]).double(), ragged_batch(size)
    batch = replace(batch, images=batch.images.double())
    at_once = {name: grad.clone() for name, grad in gradients(model, batch, None).items()}
    error, name = worst(gradients(model, batch, micro), at_once)
    assert error < 1e-10, name


def test_losses_and_report_are_the_whole_batchs(towers):
    model, batch = model_of(towers.clip, METHODS["EntityCLIP and bridge"]), ragged_batch(9)
    at_once, pieces = (TrainingStep(model, 0, micro_batch_size=m).gradients(3, batch) for m in (None, 2))
    assert pieces.losses == pytest.approx(at_once.losses, rel=1e-5)
    assert pieces.report == pytest.approx(at_once.report, rel=1e-5)


@pytest.mark.parametrize("lock", ["visual", "transformer"])
def test_a_locked_tower_stays_out_of_it(towers, lock):
    model, batch = model_of(towers.clip, {}), ragged_batch(7)
    getattr(model.clip, lock).requires_grad_(False)
    at_once = {name: grad.clone() for name, grad in gradients(model, batch, None).items()}
    error, name = worst(gradients(model, batch, 3), at_once)
    assert error < 1e-5 and not any(name.startswith(f"clip.{lock}.") for name in at_once), name


def test_dropout_is_the_same_in_both_passes():
    torch.manual_seed(0)
    model = model_of(build("CLIP", {"patch_dropout": 0.5}), {}).double()
    batch = ragged_batch(6)
    batch = replace(batch, images=batch.images.double())
    torch.manual_seed(7)
    found = {name: grad.clone() for name, grad in gradients(model, batch, 4).items()}
    after = torch.get_rng_state()
    torch.manual_seed(7)  # the same pieces, but with all their graphs kept
    parts = [model.token_features(batch.rows(rows)) for rows in (slice(0, 4), slice(4, 6))]
    columns = zip(*parts, strict=True)
    whole = TokenFeatures(*(None if column[0] is None else torch.cat(column) for column in columns))
    model.zero_grad()
    model.losses(whole, batch.groups, generator=seeded(0, "hard negatives", 3)).losses["total"].backward()
    error, name = worst(found, {name: p.grad for name, p in model.named_parameters()})
    assert error < 1e-12, name
    assert torch.equal(after, torch.get_rng_state())
    torch.manual_seed(8)
    error, _ = worst(gradients(model, batch, 4), found)
    assert error > 1e-2  # so the test can tell


def test_random_numbers_come_again():
    cpu = torch.device("cpu")
    states = random_tensors(cpu)
    first, before = torch.rand(3), torch.get_rng_state()
    with forked(cpu):
        restore_random_tensors(states, cpu)
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("method", ["plain CLIP", "EntityCLIP and bridge"])
def test_bf16_autocast(towers, method):
    model, batch = model_of(towers.clip, METHODS[method]), ragged_batch(8)
    exact, at_once, pieces = (
        {name: grad.clone() for name, grad in gradients(model, batch, micro, autocast).items()}
        for micro, autocast in ((None, nullcontext), (None, BF16), (3, BF16))
    )
    assert all(grad.dtype == torch.float32 for grad in pieces.values())

    def distance(found: dict[str, torch.Tensor]) -> float:
        return float(sum((found[name] - grad).square().sum() for name, grad in exact.items()) ** 0.5)

    assert 0 < distance(pieces) < 1.5 * distance(at_once)  # as far from fp32 as bf16 is, and no farther


def test_gradient_checkpointing_is_heeded_and_changes_nothing(towers):
    model, batch = model_of(towers.clip, {}), ragged_batch(6)
    calls = []
    for blocks in (model.clip.visual.transformer.resblocks, model.clip.transformer.resblocks):
        blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    plain = {name: grad.clone() for name, grad in gradients(model, batch, None).items()}
    passes = len(calls)
    model.clip.set_grad_checkpointing()
    for micro, times in ((None, 2), (6, 2), (3, 6)):  # two pieces: without gradient, with it, and once more backward
        calls.clear()
        error, name = worst(gradients(model, batch, micro), plain)
        assert error < 1e-5 and len(calls) == times * passes, (micro, name)


def test_batch_normalisation_is_refused_unless_frozen():
    clip = resnet()
    with pytest.raises(ModelError, match=r"optim.micro_batch_size=2: clip.visual.bn1 is a batch normalisation.*frozen"):
        TrainingStep(EntityCLIP(clip, MethodSettings()), 0, micro_batch_size=2)
    clip.visual.lock(unlocked_groups=0, freeze_bn_stats=True)
    clip.visual.requires_grad_()
    model = model_of(clip, {})
    assert isinstance(clip.visual.bn1, open_clip.utils.FrozenBatchNorm2d)
    images = torch.randn(5, 3, RESNET_SIZE, RESNET_SIZE, generator=seeded(0, "images"))
    batch = replace(ragged_batch(5), images=images)
    at_once = {name: grad.clone() for name, grad in gradients(model, batch, None).items()}
    error, name = worst(gradients(model, batch, 2), at_once)
    assert error < 1e-5, name
