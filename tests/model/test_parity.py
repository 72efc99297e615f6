"""Our numbers against those recorded from the authors' implementation (tests/data/reference/README.md)."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from model.authors_names import from_authors, state_from_authors
from model.batch import Batch
from model.entityclip import EntityCLIP
from model.experts import as_context
from model.losses import contrastive_loss
from model.matching import HardNegatives
from model.open_clip_import import open_clip
from model.settings import MethodSettings

FOLDER = Path(os.environ.get("ENTITYCLIP_REFERENCE_DIR", Path(__file__).parents[1] / "data" / "reference"))
FILES = sorted(FOLDER.glob("*.safetensors"))
OUTPUTS, LOSSES, GRADIENTS, NO_GRADIENT = 2e-5, 2e-6, 2e-5, 1e-8


@dataclass
class Reference:
    header: dict
    tensors: dict[str, Tensor]
    model: EntityCLIP
    batch: Batch
    negatives: HardNegatives
    looser: float


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def reference(request) -> Reference:
    with safe_open(request.param, "pt") as file:
        header = json.loads(file.metadata()["ete"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    sizes = header["config"]
    clip = open_clip.CLIP(
        embed_dim=sizes["embed_dim"],
        vision_cfg={
            "layers": sizes["vision_layers"],
            "width": sizes["vision_width"],
            "head_width": sizes["vision_width"] // header["vision_heads"],
            "patch_size": sizes["vision_patch_size"],
            "image_size": sizes["image_resolution"],
        },
        text_cfg={
            "context_length": sizes["context_length"],
            "vocab_size": sizes["vocab_size"],
            "width": sizes["transformer_width"],
            "heads": sizes["transformer_heads"],
            "layers": sizes["transformer_layers"],
        },
        quick_gelu=True,
    )
    method = MethodSettings(
        image_experts=header["n_vis"],
        shared_experts=header["n_share"],
        text_experts=header["n_txt"],
        aux_weight=header["loss_weights"]["aux"],
        itm_weight=header["loss_weights"]["itm"],
        mask_padding=False,
    )
    model = EntityCLIP(clip, method)
    theirs = {name.removeprefix("param/"): t for name, t in tensors.items() if name.startswith("param/")}
    model.load_state_dict(state_from_authors(theirs))
    rows = torch.arange(header["batch"])
    batch = Batch(
        [str(i) for i in rows], tensors["input/image"], tensors["input/text"], tensors["input/cap"], rows, rows, rows
    )
    every = torch.ones_like(rows, dtype=torch.bool)
    negatives = HardNegatives(tensors["input/neg_text_idx"], every, tensors["input/neg_image_idx"], every)
    looser = 10.0 if request.param.stem.endswith("sharpitm") else 1.0
    return Reference(header, tensors, model, batch, negatives, looser)


def close(name: str, ours: Tensor, theirs: Tensor, tolerance: float) -> None:
    assert ours.shape == theirs.shape, name
    error = float((ours.detach() - theirs).abs().max()) if theirs.numel() else 0.0
    print(f"{name}: {error:.1e}")  # shown by pytest -rP
    assert error <= tolerance, f"{name}: {error:.1e} > {tolerance:.0e}"


def test_outputs(reference):
    model, batch, recorded = reference.model, reference.batch, reference.tensors
    features = model.token_features(batch)
    explanation = None
    if features.explanation is not None:
        explanation = as_context(features.explanation, features.explanation_readable)
    outputs = model.experts(features, explanation)
    gate_vis, v_star = model.image_gate(features.v_cls, outputs.x_v)
    gate_txt, t_star = model.text_gate(features.t_eot, outputs.x_t)
    scale = model.clip.logit_scale.exp()
    positive, wrong_text, wrong_image = model.match(features, outputs, explanation, reference.negatives)
    ours = {
        "image_tokens": features.image,
        "text_tokens": features.text,
        "image_exp": outputs.x_v,
        "text_exp": outputs.x_t,
        "gate_vis": gate_vis,
        "gate_txt": gate_txt,
        "gated_image": v_star,
        "gated_text": t_star,
        "gate_full": positive.gate,
        "fusion_pos": positive.fused,
        "gate_full_neg_text_b": wrong_text.gate,
        "fusion_neg_text_b": wrong_text.fused,
        "gate_full_neg_image": wrong_image.gate,
        "fusion_neg_image": wrong_image.fused,
        "main_logits_per_image": contrastive_loss(features.v_cls, features.t_eot, scale)[1],
        "aux_logits_per_image": contrastive_loss(v_star, t_star, scale)[1],
        "itm_logits_pos": positive.logits,
        "itm_logits_neg_text_b": wrong_text.logits,
        "itm_logits_neg_image": wrong_image.logits,
        "inference_image": model.clip.encode_image(batch.images, normalize=True),
        "inference_text": model.clip.encode_text(batch.captions, normalize=True),
    }
    if features.explanation is not None:
        ours["cap_tokens"] = features.explanation
    assert torch.equal(features.text_eot, recorded["input/eot_text"])
    for name, value in ours.items():
        close(name, value, recorded["out/" + name], OUTPUTS * reference.looser)


def test_losses_and_gradients(reference):
    model, recorded = reference.model, reference.tensors
    step = model(reference.batch, negatives=reference.negatives)
    ours = {
        "main": step.losses["vtc"],
        "aux": step.losses["mmae"],
        "itm_b": step.losses["itm"],
        "total_b": step.losses["total"],
        "itm_pos": step.report["itm_positive"],
        "itm_neg_text_b": step.report["itm_wrong_text"],
        "itm_neg_image": step.report["itm_wrong_image"],
    }
    for name, value in ours.items():
        close("loss_" + name, value, recorded["loss/" + name], LOSSES)

    step.losses["total"].backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    tolerance = GRADIENTS * reference.looser
    for name, norm in zip(reference.header["grad_norm_names"], recorded["grad_norm_b"], strict=True):
        ours, place = from_authors(name)
        gradient = gradients[ours] if place is None else gradients[ours][place]
        norm_error = abs(float(gradient.norm() - norm))
        assert norm_error <= tolerance * float(norm) + NO_GRADIENT, name
        theirs = recorded.get("grad_b/" + name)
        if theirs is None:
            continue
        error = (gradient - theirs).norm()
        if name.endswith("attn.in_proj_bias"):
            # the key's third has no gradient but rounding noise
            width = len(gradient) // 3
            key = slice(width, 2 * width)
            assert (gradient[key] - theirs[key]).abs().max() <= NO_GRADIENT, name
        print(f"gradient of {name}: {float(error / theirs.norm()):.1e}")
        assert error <= tolerance * theirs.norm(), f"{name}: {float(error / theirs.norm()):.1e}"


def test_there_are_references():
    assert FILES, f"no *.safetensors in {FOLDER}"
