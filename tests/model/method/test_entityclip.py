from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from model.clip.open_clip_import import open_clip
from model.clip.towers import image_size, text_tokens
from model.errors import ModelError
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.method.mmae import ExpertBlock, as_context
from model.rng import seeded
from model.settings.schema import MethodSettings
from tests.model.clip.test_towers import resnet
from tests.model.tiny_clip import CONTEXT_LENGTH, IMAGE_SIZE, VOCABULARY, WIDTH, config


def some_batch(size: int, explanations: bool = True, alike: bool = False) -> Batch:
    generator = seeded(0, "batch")
    tokens = torch.randint(3, len(VOCABULARY) - 1, (2, size, CONTEXT_LENGTH), generator=generator)
    tokens[:, :, -1] = len(VOCABULARY) - 1
    images = torch.randn(size, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    groups = torch.zeros(size).long() if alike else torch.arange(size)
    ids = [str(i) for i in range(size)]
    return Batch(ids, images, tokens[0], tokens[1] if explanations else None, groups, groups, groups)


ALL = {"experts.image", "experts.shared", "experts.text", "image_gate", "text_gate", "matching"}
OFF = {"mmae": False, "gi_itm": False}


@pytest.mark.parametrize(
    ("method", "built", "terms"),
    [
        ({}, ALL, {"mmae", "itm"}),
        ({"mmae": False}, ALL - {"image_gate", "text_gate"}, {"itm"}),
        ({"aux_weight": 0}, ALL - {"image_gate", "text_gate"}, {"itm"}),
        ({"gi_itm": False}, ALL - {"matching"}, {"mmae"}),
        ({"itm_weight": 0}, ALL - {"matching"}, {"mmae"}),
        ({"shared_experts": 0}, ALL - {"experts.shared"}, {"mmae", "itm"}),
        ({"image_experts": 0, "text_experts": 0}, ALL - {"experts.image", "experts.text"}, {"mmae", "itm"}),
        ({"bridge_weight": 0.5}, ALL, {"mmae", "itm", "bridge"}),
        ({**OFF, "bridge_weight": 0.5}, set(), {"bridge"}),
        ({**OFF, "anchor_text_weight": 0.5}, set(), {"anchor_text"}),
        ({"anchor_image_weight": 0.5, "anchor_text_weight": 0.5}, ALL, {"mmae", "itm", "anchor_text", "anchor_image"}),
        (OFF, set(), set()),
        ({"aux_weight": 0, "itm_weight": 0, "shared_experts": 0, "image_experts": 0}, set(), set()),
    ],
)
def test_what_is_off_is_neither_built_nor_computed(towers, monkeypatch, method, built, terms):
    method, read = MethodSettings(**method), []
    monkeypatch.setattr("model.method.entityclip.text_tokens", lambda clip, t: read.append(t) or text_tokens(clip, t))
    model = EntityCLIP(towers.clip, method)
    names = {name.rsplit(".", 1)[0] for name, _ in model.named_parameters() if not name.startswith("clip.")}
    assert {next((one for one in ALL if name.startswith(one)), name) for name in names} == built
    needs_explanations = "experts.shared" in built or "bridge" in terms
    assert method.reads_explanations == needs_explanations
    batch = some_batch(4, explanations=needs_explanations)
    if method.has_anchors:
        with pytest.raises(ModelError, match="the batch has none"):
            model(batch)
        read.clear()
        batch = replace(batch, anchors=torch.randn(4, WIDTH, generator=seeded(0, "anchors")))
    step = model(batch, generator=seeded(0, "negatives"))
    assert len(read) == 1 + needs_explanations
    assert set(step.losses) == {"total", "vtc"} | terms
    assert ("itm_accuracy" in step.report) == ("itm" in terms)


def test_the_bridge_is_plain_clip_with_explanations_as_captions(towers):
    batch = some_batch(5)
    step = EntityCLIP(towers.clip, MethodSettings(**OFF, bridge_weight=0.5))(batch)
    clip = towers.clip
    image, text, explanation = (
        F.normalize(x, dim=-1)
        for x in (
            clip.encode_image(batch.images),
            clip.encode_text(batch.captions),
            clip.encode_text(batch.explanations),
        )
    )

    def vtc(a, b):
        logits, target = clip.logit_scale.exp() * a @ b.T, torch.arange(5)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

    wanted = vtc(image, explanation) + vtc(text, explanation)
    torch.testing.assert_close(step.losses["bridge"], wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(step.losses["total"], vtc(image, text) + 0.5 * wanted, rtol=1e-5, atol=1e-6)


def test_the_authors_form_is_one_switch_and_implies_what_it_needs():
    theirs = MethodSettings(reference_compat=True)
    assert theirs.probability_epsilon == 1e-8 and theirs.reads_padding and not theirs.masks_padding
    assert MethodSettings(reference_compat=True, itm_epsilon=1e-6).probability_epsilon == 1e-6
    ours = MethodSettings()
    assert ours.probability_epsilon == 0 and ours.masks_padding and not ours.reads_padding
    assert not MethodSettings(**OFF, reference_compat=True).reads_padding


@pytest.mark.parametrize("counts", [(2, 1, 3), (1, 0, 2), (0, 2, 0), (0, 1, 2)])
def test_every_built_parameter_gets_a_gradient(towers, counts):
    image, shared, text = counts
    method = MethodSettings(
        image_experts=image, shared_experts=shared, text_experts=text, aux_weight=0.3, itm_weight=0.7
    )
    model = EntityCLIP(towers.clip, method)
    step = model(some_batch(5, explanations=shared > 0), generator=seeded(0, "negatives"))
    losses = step.losses
    torch.testing.assert_close(losses["total"], losses["vtc"] + 0.3 * losses["mmae"] + 0.7 * losses["itm"])
    losses["total"].backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert not without
    assert not any(value.requires_grad for value in step.report.values())


def test_a_batch_of_one_image_has_no_negative_terms(towers):
    step = EntityCLIP(towers.clip, MethodSettings())(some_batch(4, alike=True))
    assert step.report["rows_with_negatives"] == 0
    assert step.report["itm_wrong_text"] == 0 and step.report["itm_wrong_image"] == 0
    torch.testing.assert_close(step.losses["itm"].detach(), step.report["itm_positive"] / 3)


def test_misuse_is_named(towers):
    model = EntityCLIP(towers.clip, MethodSettings())
    with pytest.raises(ModelError, match="at least 2 pairs"):
        model(some_batch(1))
    with pytest.raises(ModelError, match="the batch has none"):
        model(some_batch(3, explanations=False))
    with pytest.raises(ValueError, match="each need at least one expert"):
        MethodSettings(image_experts=0, shared_experts=0)


@torch.no_grad()
@pytest.mark.parametrize("masked", [False, True])
def test_the_folded_form_is_what_whole_blocks_give(masked):
    """Every query over every token, projected one by one with torch's own attention."""
    torch.manual_seed(0)
    batch, length, width, count = 3, 7, 12, 2
    group = ExpertBlock(count, width)
    for parameter in group.parameters():
        parameter += 0.3 * torch.randn_like(parameter)
    queries, context = torch.randn(batch, 5, width), torch.randn(batch, length, width)
    readable = torch.rand(batch, length) < 0.6 if masked else torch.ones(batch, length).bool()
    readable[:, 0] = True
    for number in range(count):
        mine = {name: parameter[number] for name, parameter in group.named_parameters()}

        def norm(x, which, mine=mine):
            return F.layer_norm(x, (width,), mine[f"ln_{which}_weight"], mine[f"ln_{which}_bias"])

        attention = torch.nn.MultiheadAttention(width, 1, batch_first=True)
        attention.load_state_dict(
            {
                "in_proj_weight": mine["in_proj_weight"],
                "in_proj_bias": mine["in_proj_bias"],
                "out_proj.weight": mine["out_proj_weight"],
                "out_proj.bias": mine["out_proj_bias"],
            }
        )
        keys = norm(context, 1)
        x = queries + attention(norm(queries, 1), keys, keys, key_padding_mask=~readable)[0]
        hidden = F.linear(norm(x, 2), mine["c_fc_weight"], mine["c_fc_bias"])
        x = x + F.linear(hidden * torch.sigmoid(1.702 * hidden), mine["c_proj_weight"], mine["c_proj_bias"])
        for position in range(5):
            found = group(queries[:, position], as_context(context, readable if masked else None))[:, number]
            torch.testing.assert_close(found, x[:, position], rtol=0, atol=1e-5)


def custom_text() -> torch.nn.Module:
    return open_clip.CustomTextCLIP(**config()["model_cfg"])


@pytest.mark.parametrize("build_one", [custom_text, resnet])
def test_a_step_on_other_towers_with_checkpointing_and_bf16(build_one):
    method = MethodSettings(image_experts=2, shared_experts=1, text_experts=1, bridge_weight=1.0)
    model = EntityCLIP(build_one(), method).train()
    batch = some_batch(5)
    batch = replace(batch, images=torch.randn(5, 3, *image_size(model.clip), generator=seeded(0, "images")))
    exact = model(batch, generator=seeded(0, "negatives")).losses
    model.clip.set_grad_checkpointing(True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(batch, generator=seeded(0, "negatives")).losses
    assert set(rough) == {"total", "vtc", "mmae", "itm", "bridge"}
    for name in ("vtc", "mmae", "bridge"):  # other negatives may be drawn for the itm
        assert rough[name].dtype == torch.float32
        torch.testing.assert_close(rough[name], exact[name], rtol=0.1, atol=0)
    rough["total"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
