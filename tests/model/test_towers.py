import copy

import pytest
import torch

from model.errors import ModelError
from model.open_clip_import import open_clip
from model.settings import TowerSettings
from model.towers import at_position, check_towers, eot_position, image_tokens, load_towers, text_tokens
from tests.model.tiny_clip import CONTEXT_LENGTH, IMAGE_SIZE, VOCABULARY, WIDTH, config


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


@pytest.mark.parametrize("kind", ["CLIP", "CustomTextCLIP"])
@pytest.mark.parametrize(
    ("vision", "text", "eot"),
    [
        ({}, {}, len(VOCABULARY) - 1),
        ({}, {"pool_type": "eos", "eos_id": 2}, 2),
        ({"final_ln_after_pool": True, "no_ln_pre": True}, {"no_causal_mask": True}, len(VOCABULARY) - 1),
    ],
)
@torch.no_grad()
def test_kept_tokens_are_what_open_clip_encodes(kind, vision, text, eot):
    clip = build(kind, vision, text, quick_gelu=True)
    images, tokens = torch.randn(7, 3, IMAGE_SIZE, IMAGE_SIZE), some_tokens(7, eot)
    v, t = image_tokens(clip, images), text_tokens(clip, tokens)
    assert v.shape == (7, 1 + (IMAGE_SIZE // 8) ** 2, WIDTH) and t.shape == (7, CONTEXT_LENGTH, WIDTH)
    torch.testing.assert_close(v[:, 0], clip.encode_image(images), rtol=0, atol=1e-6)
    kept = at_position(t, eot_position(clip, tokens))
    torch.testing.assert_close(kept, clip.encode_text(tokens), rtol=0, atol=1e-6)


def test_gradient_checkpointing_changes_no_gradient():
    images, tokens = torch.randn(3, 3, IMAGE_SIZE, IMAGE_SIZE), some_tokens(3, len(VOCABULARY) - 1)
    clip = build("CLIP")
    found = []
    for enabled in (False, True):
        clip.set_grad_checkpointing(enabled)
        clip.zero_grad()
        (image_tokens(clip, images).pow(2).mean() + text_tokens(clip, tokens).pow(2).mean()).backward()
        found.append({name: p.grad.clone() for name, p in clip.named_parameters() if p.grad is not None})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda: build("CLIP", {"layers": [1, 1, 1, 1], "image_size": 64}), "ModifiedResNet"),
        (lambda: build("CLIP", {"pool_type": "avg"}), "'avg'"),
        (lambda: build("CLIP", {"attentional_pool": True}), "by attention"),
        (lambda: build("CLIP", {}, {"pool_type": "last"}), "'last'"),
        (lambda: build("CustomTextCLIP", {}, {"embed_cls": True}), "class embedding"),
        (lambda: build("CLIP", init_logit_bias=-10.0), "logit bias"),
        (lambda: torch.nn.Linear(2, 2), "Linear"),
    ],
)
def test_other_towers_are_refused_by_name(model, named):
    with pytest.raises(ModelError, match=named):
        check_towers(model())


def test_unknown_models_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no model 'ViT-B-23'; nearest: .*ViT-B-32"):
        load_towers(TowerSettings(model="ViT-B-23"))
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot load"):
        load_towers(TowerSettings(model=f"local-dir:{tmp_path}"))
