"""Our numbers beside recorded ones (tests/data/reference/README.md): largest errors, and what is allowed.

`python -m tests.model.parity [FOLDER]` prints the table. Form a is what the authors' code computes, form b reads
every wrong text at its own end. Sizes come from a file's header and tensors, and nothing from its name but
"sharpitm", which loosens outputs and gradients.
"""

import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor

from model.checkpoints.ete import from_authors, state_from_authors
from model.clip.open_clip_import import open_clip
from model.clip.towers import eot_position, text_tokens
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.method.hard_negatives import HardNegatives, negative_chances
from model.method.losses import MATCH, NO_MATCH, contrastive_loss
from model.method.mmae import as_context
from model.settings.schema import MethodSettings

FOLDER = Path(os.environ.get("ENTITYCLIP_REFERENCE_DIR", Path(__file__).parents[1] / "data" / "reference"))
FORMS = ("a", "b")
OUTPUTS, LOSSES, GRADIENTS, NO_GRADIENT = 2e-5, 2e-6, 2e-5, 1e-8
EXTRA = ("experts_", "fusion_", "sample_weights_")  # compared where a file has them
AUTHORS_CHANCE = 1e-5  # what their sampler adds after taking the diagonal out


class Error(NamedTuple):
    """How far one quantity is from its record; of gradients relative, else absolute."""

    quantity: str
    error: float
    allowed: float


@dataclass
class Reference:
    header: dict
    tensors: dict[str, Tensor]
    batch: Batch
    negatives: HardNegatives
    sharp: bool

    @property
    def looser(self) -> float:
        return 10.0 if self.sharp else 1.0

    def has(self, name: str, form: str) -> bool:
        return name in self.tensors or f"{name}_{form}" in self.tensors

    def recorded(self, name: str, form: str) -> tuple[str, Tensor]:
        """`out/gate_full` as it is; what differs between the forms has the form's letter at its end."""
        name = name if name in self.tensors else f"{name}_{form}"
        return name, self.tensors[name]


def load(path: Path) -> Reference:
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["ete"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert (header["itm_match_class"], header["itm_nonmatch_class"]) == (MATCH, NO_MATCH)
    assert header["expert_heads"] == 1 and header["loss_weights"]["main"] == 1
    rows = torch.arange(header["batch"])
    inputs = (tensors[f"input/{name}"] for name in ("image", "text", "cap"))
    batch = Batch([str(i) for i in rows], *inputs, rows, rows, rows)
    every = torch.ones_like(rows, dtype=torch.bool)
    negatives = HardNegatives(tensors["input/neg_text_idx"], every, tensors["input/neg_image_idx"], every)
    return Reference(header, tensors, batch, negatives, path.stem.endswith("sharpitm"))


def build(reference: Reference, form: str, dtype: torch.dtype) -> EntityCLIP:
    header, sizes = reference.header, reference.header["config"]
    theirs = {n.removeprefix("param/"): t for n, t in reference.tensors.items() if n.startswith("param/")}
    clip = open_clip.CLIP(
        embed_dim=sizes["embed_dim"],
        vision_cfg={
            "layers": sizes["vision_layers"],
            "width": sizes["vision_width"],
            "head_width": sizes["vision_width"] // header["vision_heads"],
            "mlp_ratio": _mlp_ratio(theirs, "visual.transformer.resblocks.0"),
            "patch_size": sizes["vision_patch_size"],
            "image_size": sizes["image_resolution"],
        },
        text_cfg={
            "context_length": sizes["context_length"],
            "vocab_size": sizes["vocab_size"],
            "width": sizes["transformer_width"],
            "heads": sizes["transformer_heads"],
            "layers": sizes["transformer_layers"],
            "mlp_ratio": _mlp_ratio(theirs, "transformer.resblocks.0"),
            "pool_type": "eos",
            "eos_id": header["eot"],
        },
        quick_gelu=True,
    )
    method = MethodSettings(
        image_experts=header["n_vis"],
        shared_experts=header["n_share"],
        text_experts=header["n_txt"],
        aux_weight=header["loss_weights"]["aux"],
        itm_weight=header["loss_weights"]["itm"],
        itm_epsilon=header["itm_prob_eps"],
        mask_padding=False,
        reference_compat=form == "a",
    )
    model = EntityCLIP(clip, method).to(dtype)
    model.load_state_dict(state_from_authors(theirs))
    return model


def _mlp_ratio(state: dict[str, Tensor], block: str) -> float:
    hidden, width = state[f"{block}.mlp.c_fc.weight"].shape
    return hidden / width


def compare(reference: Reference, form: str, dtype: torch.dtype) -> list[Error]:
    """Every recorded quantity of one form, computed in `dtype`: fp64 leaves the record's own rounding alone."""
    model = build(reference, form, dtype)
    reference = replace(reference, batch=replace(reference.batch, images=reference.batch.images.to(dtype)))
    return [
        *_places(reference, model),
        *_outputs(reference, model, form),
        *_losses_and_gradients(reference, model, form),
    ]


def _places(reference: Reference, model: EntityCLIP) -> Iterator[Error]:
    for name, tokens in {"text": reference.batch.captions, "cap": reference.batch.explanations}.items():
        assert tokens is not None
        wrong = eot_position(model.clip, tokens) != reference.tensors[f"input/eot_{name}"]
        yield Error(f"input/eot_{name}", float(wrong.sum()), 0.0)


@torch.no_grad()
def _outputs(reference: Reference, model: EntityCLIP, form: str) -> Iterator[Error]:
    batch = reference.batch
    assert batch.explanations is not None and model.experts and model.image_gate and model.text_gate
    features = model.token_features(batch)
    explanation = None
    if features.explanation is not None:
        explanation = as_context(features.explanation, features.explanation_readable)
    outputs = model.experts(features, explanation)
    gate_vis, v_star = model.image_gate(features.v_cls, outputs.x_v)
    gate_txt, t_star = model.text_gate(features.t_eot, outputs.x_t)
    scale = model.clip.logit_scale.exp()
    main_logits = contrastive_loss(features.v_cls, features.t_eot, scale)[1]
    aux_logits = contrastive_loss(v_star, t_star, scale)[1]
    positive, wrong_text, wrong_image = model.match(features, outputs, explanation, reference.negatives)
    ours = {
        "image_tokens": features.image,
        "text_tokens": features.text,
        "cap_tokens": text_tokens(model.clip, batch.explanations),
        "image_exp": outputs.x_v,
        "text_exp": outputs.x_t,
        "gate_vis": gate_vis,
        "gate_txt": gate_txt,
        "gated_image": v_star,
        "gated_text": t_star,
        "main_logits_per_image": main_logits,
        "aux_logits_per_image": aux_logits,
        "gate_full": positive.gate,
        "fusion_pos": positive.fused,
        "itm_logits_pos": positive.logits,
        "inference_image": model.clip.encode_image(batch.images, normalize=True),
        "inference_text": model.clip.encode_text(batch.captions, normalize=True),
    }
    for name, one in {"neg_text": wrong_text, "neg_image": wrong_image}.items():
        ours |= {
            f"experts_{name}": one.experts,
            f"gate_full_{name}": one.gate,
            f"fusion_{name}": one.fused,
            f"itm_logits_{name}": one.logits,
        }
    allowed = ~torch.eye(len(main_logits), dtype=torch.bool)
    for name, logits in (("i2t", main_logits), ("t2i", main_logits.T)):
        chance = negative_chances(logits, allowed)
        # theirs are taken out after the softmax: what is left of a row sums to 1 less the partner's chance
        left = 1 - logits.softmax(dim=1).diagonal()[:, None]
        ours[f"sample_weights_{name}"] = chance * left + AUTHORS_CHANCE
    for name, value in ours.items():
        if name.startswith(EXTRA) and not reference.has("out/" + name, form):
            continue
        name, theirs = reference.recorded("out/" + name, form)
        yield Error(name, _largest(value, theirs), OUTPUTS * reference.looser)


def _losses_and_gradients(reference: Reference, model: EntityCLIP, form: str) -> Iterator[Error]:
    step = model(reference.batch, negatives=reference.negatives)
    ours = {
        "main": step.losses["vtc"],
        "aux": step.losses["mmae"],
        "itm": step.losses["itm"],
        "itm_pos": step.report["itm_positive"],
        "itm_neg_text": step.report["itm_wrong_text"],
        "itm_neg_image": step.report["itm_wrong_image"],
        "total": step.losses["total"],
    }
    for name, value in ours.items():
        name, theirs = reference.recorded("loss/" + name, form)
        # fp32 resolves a large loss no better than this
        steps = max(1.0, float(theirs)) if reference.sharp and value.dtype == torch.float32 else 1.0
        yield Error(name, _largest(value, theirs), LOSSES * steps)

    step.losses["total"].backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}

    def gradient_of(name: str) -> Tensor:
        ours, place = from_authors(name)
        gradient = gradients[ours]
        assert gradient is not None, ours
        return gradient if place is None else gradient[place]

    tolerance, noise = GRADIENTS * reference.looser, NO_GRADIENT * reference.looser
    prefix = f"grad_{form}/"
    for name in (n.removeprefix(prefix) for n in reference.tensors if n.startswith(prefix)):
        gradient, theirs = gradient_of(name), reference.tensors[prefix + name]
        size = float(theirs.norm())
        error = float((gradient - theirs).norm())
        yield Error(prefix + name, max(0.0, error - noise) / (size + noise), tolerance)
        if name.endswith("attn.in_proj_bias"):  # the key's third has no gradient but rounding noise
            key = slice(len(gradient) // 3, 2 * len(gradient) // 3)
            yield Error(f"{prefix}{name}[key], absolute", _largest(gradient[key], theirs[key]), max(noise, 1e-6 * size))
    norms = reference.tensors[f"grad_norm_{form}"].tolist()
    for name, norm in zip(reference.header["grad_norm_names"], norms, strict=True):
        error = abs(float(gradient_of(name).norm()) - norm)
        yield Error(f"grad_norm_{form}/{name}", max(0.0, error - noise) / (norm + noise), tolerance)


def _largest(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        return math.inf
    return float((ours.detach() - theirs).abs().max()) if theirs.numel() else 0.0


def table(folder: Path, dtype: torch.dtype) -> str:
    """Markdown: the largest error of each quantity, gradients and their norms each as one."""
    columns: dict[str, dict[str, float]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        reference, column = load(path), columns.setdefault(path.stem, {})
        for form in FORMS:
            for error in compare(reference, form, dtype):
                kind = error.quantity.split("/")[0]
                absolute = " key biases (absolute)" if error.quantity.endswith("absolute") else ""
                row = kind + absolute if kind.startswith("grad") else error.quantity
                column[row] = max(column.get(row, 0.0), error.error)
    rows = sorted({row for column in columns.values() for row in column})
    lines = ["| quantity | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    for row in rows:
        cells = [f"{column[row]:.1e}" if row in column else "" for column in columns.values()]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for precision in (torch.float32, torch.float64):
        print(f"computed in {precision}\n\n{table(where, precision)}\n")
