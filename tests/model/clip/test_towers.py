import copy
import itertools

import pytest
import torch

from model.clip.open_clip_import import open_clip
from model.clip.towers import (
    at_position,
    check_towers,
    embed_width,
    eot_position,
    image_size,
    image_tokens,
    load_towers,
    text_tokens,
)
from model.errors import ModelError
from model.settings.schema import TowerSettings
from tests.model.tiny_clip import CONTEXT_LENGTH, VOCABULARY, WIDTH, config

LAST, RESNET_SIZE = len(VOCABULARY) - 1, 64


def build(kind: str, vision: dict | None = None, text: dict | None = None, **rest) -> torch.nn.Module:
    cfg = copy.deepcopy(config()["model_cfg"])
    cfg["vision_cfg"] |= vision or {}
    cfg["text_cfg"] |= text or {}
    return getattr(open_clip, kind)(**cfg, **rest).eval()


def some_tokens(count: int, eot: int) -> torch.Tensor:
    torch.manual_seed(1)
    tokens = torch.zeros(count, CONTEXT_LENGTH, dtype=torch.long)
    for row in range(count):
        length = 2 + row % (CONTEXT_LENGTH - 2)
        tokens[row, :length] = torch.randint(3, 60, (length,))
        tokens[row, length] = eot
    return tokens


def resnet(kind: str = "CLIP") -> torch.nn.Module:
    torch.manual_seed(0)
    vision = {"layers": [1, 2, 1, 1], "image_size": RESNET_SIZE, "width": 4, "head_width": 32}
    clip = build(kind, vision, quick_gelu=True)
    for name, parameter in clip.visual.named_parameters():
        if name.endswith("bn3.weight"):  # zero at first, which would silence the blocks
            torch.nn.init.uniform_(parameter)
    return clip


def images_for(clip, count: int = 7) -> torch.Tensor:
    return torch.randn(count, 3, *image_size(clip), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kind", ["CLIP", "CustomTextCLIP"])
@pytest.mark.parametrize(
    ("vision", "text", "eot"),
    [
        ({}, {}, LAST),
        ({}, {"pool_type": "eos", "eos_id": 2}, 2),
        ({"final_ln_after_pool": True, "no_ln_pre": True}, {"no_causal_mask": True}, LAST),
        ({"image_size": (16, 32)}, {"proj_bias": True}, LAST),
    ],
)
@torch.no_grad()
def test_kept_tokens_are_what_open_clip_encodes(kind, vision, text, eot):
    clip = build(kind, vision, text, quick_gelu=True)
    images, tokens = images_for(clip), some_tokens(7, eot)
    v, t = image_tokens(clip, images), text_tokens(clip, tokens)
    assert v.shape == (7, 1 + images[0, 0].numel() // 64, WIDTH) and t.shape == (7, CONTEXT_LENGTH, WIDTH)
    torch.testing.assert_close(v[:, 0], clip.encode_image(images), rtol=0, atol=1e-6)
    kept = at_position(t, eot_position(clip, tokens))
    torch.testing.assert_close(kept, clip.encode_text(tokens), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["CLIP", "CustomTextCLIP"])
@torch.no_grad()
def test_resnet_tokens_are_what_its_attention_pool_reads(kind):
    """Token 0 is the image's embedding; token 1 + p is what the pool gives when place p asks."""
    clip = resnet(kind)
    images, pool = images_for(clip, 3), clip.visual.attnpool
    v = image_tokens(clip, images)
    assert v.shape == (3, 1 + (RESNET_SIZE // 32) ** 2, WIDTH) and embed_width(clip) == WIDTH
    torch.testing.assert_close(v[:, 0], clip.encode_image(images), rtol=0, atol=1e-6)

    x = clip.visual.forward_intermediates(images, indices=1)["image_intermediates"][-1].flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + pool.positional_embedding
    for image, place in itertools.product(range(3), range(v.shape[1])):
        read = []
        for q, k, y in zip(*(part(x[image]).chunk(pool.num_heads, dim=-1) for part in projections(pool)), strict=True):
            read.append((q[place] @ k.T / q.shape[-1] ** 0.5).softmax(dim=-1) @ y)
        torch.testing.assert_close(v[image, place], pool.c_proj(torch.cat(read)), rtol=0, atol=1e-6)


def projections(pool):
    return pool.q_proj, pool.k_proj, pool.v_proj


@pytest.mark.parametrize("build_one", [lambda: build("CLIP"), lambda: build("CustomTextCLIP"), resnet])
def test_gradient_checkpointing_changes_no_gradient(build_one):
    """open_clip's ResNet has none, and says nothing: its gradients have to stay what they were."""
    clip = build_one()
    images, tokens = images_for(clip, 3), some_tokens(3, LAST)
    found = []
    for enabled in (False, True):
        clip.set_grad_checkpointing(enabled)
        clip.zero_grad()
        (image_tokens(clip, images).pow(2).mean() + text_tokens(clip, tokens).pow(2).mean()).backward()
        found.append({name: p.grad.clone() for name, p in clip.named_parameters() if p.grad is not None})
    assert set(found[0]) == {name for name, _ in clip.named_parameters()} - {"logit_scale"}
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("build_one", [lambda: build("CLIP"), lambda: build("CustomTextCLIP"), resnet])
def test_bf16_autocast_stays_close_and_trains(build_one):
    clip = build_one()
    images, tokens = images_for(clip, 3), some_tokens(3, LAST)
    exact = image_tokens(clip, images), text_tokens(clip, tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = image_tokens(clip, images), text_tokens(clip, tokens)
        encoded = clip.encode_image(images), clip.encode_text(tokens)
    kept = rough[0][:, 0], at_position(rough[1], eot_position(clip, tokens))
    for wanted, found, mine, theirs in zip(exact, rough, kept, encoded, strict=True):
        assert (found - wanted).norm() < 0.03 * wanted.norm()  # bf16 rounds to 0.004
        assert (mine - theirs).norm() < 0.03 * theirs.norm()
    sum(found.float().pow(2).mean() for found in rough).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for n, p in clip.named_parameters() if n != "logit_scale")


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda: build("CLIP", {"pool_type": "avg"}), "'avg'"),
        (lambda: build("CLIP", {"attentional_pool": True}), "attention pooling"),
        (lambda: build("CLIP", {}, {"pool_type": "last"}), "'last'"),
        (lambda: build("CustomTextCLIP", {}, {"embed_cls": True}), "class embedding"),
        (lambda: build("CLIP", init_logit_bias=-10.0), "logit bias"),
        (lambda: torch.nn.Linear(2, 2), "Linear"),
    ],
)
def test_other_towers_are_refused_by_name(model, named):
    with pytest.raises(ModelError, match=named):
        check_towers(model())


def test_a_broken_model_folder_is_refused(tmp_path):
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot load"):
        load_towers(TowerSettings(model=f"local-dir:{tmp_path}"))
