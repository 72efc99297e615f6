"""Files like those in tests/data/reference, of any sizes, from the plain re-implementation.

`python -m tests.model.plain_record FOLDER` writes those that the tests use.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.model.plain_ete import ODD, Plain, Sizes, parameters

EPSILON = 1e-8


def _contrastive(logits: Tensor) -> Tensor:
    rows, columns = logits.exp() / logits.exp().sum(1, keepdim=True), logits.exp() / logits.exp().sum(0)
    return -(rows.diagonal().log().mean() + columns.diagonal().log().mean()) / 2


def _matching(logits: Tensor, label: int) -> Tensor:
    chances = (logits - logits.amax(1, keepdim=True)).exp()
    return -(chances[:, label] / chances.sum(1) + EPSILON).log().mean()


def _sentences(sizes: Sizes, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Token ids (B, context) and where each ends: at another place than its neighbour's."""
    plain = [token for token in range(sizes.vocab) if token not in (sizes.sot, sizes.eot, sizes.pad)]
    tokens = torch.full((sizes.batch, sizes.context), sizes.pad)
    ends = torch.randperm(sizes.context - 2, generator=generator)[: sizes.batch] + 2
    ends[0] = sizes.context - 1
    for row, end in enumerate(ends.tolist()):
        words = torch.randint(len(plain), (end - 1,), generator=generator)
        tokens[row, : end + 1] = torch.tensor([sizes.sot, *(plain[word] for word in words), sizes.eot])
    return tokens, ends


def _stacked(passes: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([one[name] for one in passes]) for name in passes[0]}


def record(sizes: Sizes, seed: int) -> tuple[dict[str, Tensor], dict]:
    """Tensors and header of one file."""
    generator = torch.Generator().manual_seed(seed)
    p, size = parameters(sizes, generator), sizes.batch
    images = torch.randn(size, 3, sizes.image, sizes.image, generator=generator)
    texts, ends = _sentences(sizes, generator)
    caps, cap_ends = _sentences(sizes, generator)
    wrong_text, wrong_image = torch.arange(size).roll(1), torch.arange(size).roll(2)
    wrong_image[0] = 1  # an image may be drawn twice
    plain = Plain(sizes, p)
    v = torch.stack([plain.see(image) for image in images.double()])
    t, e = (torch.stack([plain.read(row) for row in tokens]) for tokens in (texts, caps))
    v_cls, t_eot = v[:, 0], torch.stack([row[end] for row, end in zip(t, ends, strict=True)])
    experts = [plain.experts(v[b], t[b], e[b], int(ends[b])) for b in range(size)]
    x_v, x_t = torch.stack([x for x, _ in experts]), torch.stack([x for _, x in experts])
    gate_vis = torch.stack([plain.gate("weight_attn_vis", x) for x in v_cls])
    gate_txt = torch.stack([plain.gate("weight_attn_txt", x) for x in t_eot])
    v_star, t_star = (gate_vis[:, :, None] * x_v).sum(1), (gate_txt[:, :, None] * x_t).sum(1)
    main, aux = plain.cosines(v_cls, t_eot), plain.cosines(v_star, t_star)

    def passes(image: Tensor, text: Tensor, end: Callable[[int], int]) -> dict[str, Tensor]:
        rows = [(int(image[b]), int(text[b])) for b in range(size)]
        return _stacked([plain.match(v[i], t[j], e[j], end(b)) for b, (i, j) in enumerate(rows)])

    own = torch.arange(size)
    positive = passes(own, own, lambda b: int(ends[b]))
    neg_image = passes(wrong_image, own, lambda b: int(ends[b]))
    neg_text = {
        "a": passes(own, wrong_text, lambda b: int(ends[b])),
        "b": passes(own, wrong_text, lambda b: int(ends[wrong_text[b]])),
    }
    out = {"image_tokens": v, "text_tokens": t, "cap_tokens": e, "image_exp": x_v, "text_exp": x_t}
    out |= {"gate_vis": gate_vis, "gate_txt": gate_txt, "gated_image": v_star, "gated_text": t_star}
    out |= {"main_logits_per_image": main, "aux_logits_per_image": aux, "gate_full": positive["gate_full"]}
    out |= {"fusion_pos": positive["fusion"], "itm_logits_pos": positive["itm_logits"]}
    out |= {f"{name}_neg_image": value for name, value in neg_image.items()}
    out |= {f"{name}_neg_text_{form}": value for form in neg_text for name, value in neg_text[form].items()}
    out |= {"inference_image": v_cls / v_cls.norm(dim=1)[:, None], "inference_text": t_eot / t_eot.norm(dim=1)[:, None]}
    for name, logits in (("i2t", main), ("t2i", main.T)):
        chances = logits.exp() / logits.exp().sum(1, keepdim=True)
        out[f"sample_weights_{name}"] = chances - torch.diag(chances.diagonal()) + 1e-5
    loss = {"main": _contrastive(main), "aux": _contrastive(aux)}
    loss |= {"itm_pos": _matching(positive["itm_logits"], 0), "itm_neg_image": _matching(neg_image["itm_logits"], 1)}
    recorded: dict[str, Tensor] = {}
    for form in neg_text:
        loss[f"itm_neg_text_{form}"] = _matching(neg_text[form]["itm_logits"], 1)
        loss[f"itm_{form}"] = (loss["itm_pos"] + loss[f"itm_neg_text_{form}"] + loss["itm_neg_image"]) / 3
        loss[f"total_{form}"] = loss["main"] + 0.1 * loss["aux"] + 0.1 * loss[f"itm_{form}"]
        gradients = torch.autograd.grad(loss[f"total_{form}"], list(p.values()), retain_graph=True)
        recorded |= {f"grad_{form}/{name}": g for name, g in zip(p, gradients, strict=True)}
        recorded[f"grad_norm_{form}"] = torch.stack([g.norm() for g in gradients])
    for part, values in {"param": p, "out": out, "loss": loss}.items():
        recorded |= {f"{part}/{name}": value for name, value in values.items()}
    recorded = {name: value.detach().float().contiguous() for name, value in recorded.items()}
    recorded |= {"input/image": images, "input/text": texts, "input/cap": caps}
    recorded |= {"input/eot_text": ends, "input/eot_cap": cap_ends}
    recorded |= {"input/neg_text_idx": wrong_text, "input/neg_image_idx": wrong_image}
    return recorded, _header(sizes, list(p))


def _header(sizes: Sizes, names: list[str]) -> dict:
    config = {
        "embed_dim": sizes.embed,
        "image_resolution": sizes.image,
        "vision_layers": sizes.vision_layers,
        "vision_width": sizes.vision_width,
        "vision_patch_size": sizes.patch,
        "context_length": sizes.context,
        "vocab_size": sizes.vocab,
        "transformer_width": sizes.text_width,
        "transformer_heads": sizes.text_heads,
        "transformer_layers": sizes.text_layers,
    }
    header = {"config": config, "vision_heads": sizes.vision_heads, "expert_heads": 1, "batch": sizes.batch}
    header |= {"n_vis": sizes.vis, "n_share": sizes.share, "n_txt": sizes.txt, "eot": sizes.eot, "pad": sizes.pad}
    header |= {"itm_match_class": 0, "itm_nonmatch_class": 1, "itm_prob_eps": EPSILON, "grad_norm_names": names}
    return header | {"loss_weights": {"main": 1.0, "aux": 0.1, "itm": 0.1}}


def write(folder: Path, sizes: Sizes, seed: int = 0) -> Path:
    tensors, header = record(sizes, seed)
    path = folder / f"{sizes.name}.safetensors"
    save_file(tensors, path, metadata={"ete": json.dumps(header)})
    return path


if __name__ == "__main__":
    for one in ODD:
        print(write(Path(sys.argv[1]), one))
