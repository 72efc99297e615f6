"""The published method once more, written as it is told: one sample, one expert, one query token at a time, in fp64.

Shares nothing with `model/`. Parameters carry the authors' names.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sizes:
    """A configuration no shipped file has, unless told otherwise."""

    vis: int
    share: int
    txt: int
    sharp: bool = False
    batch: int = 4
    embed: int = 12
    image: int = 12
    patch: int = 4
    vision_width: int = 16
    vision_heads: int = 2
    vision_layers: int = 1
    text_width: int = 20
    text_heads: int = 4
    text_layers: int = 2
    context: int = 9
    vocab: int = 30
    sot: int = 28
    eot: int = 29
    pad: int = 0

    @property
    def name(self) -> str:
        return f"plain_{self.vis}{self.share}{self.txt}_d{self.embed}" + ("_sharpitm" if self.sharp else "")


ODD = (
    Sizes(1, 3, 2, vision_heads=4, text_heads=2, batch=5),
    Sizes(2, 0, 1, embed=18, image=8, context=14),
    Sizes(0, 2, 0, eot=5, pad=11, vision_width=24, vision_heads=3),  # padding has the higher id
    Sizes(0, 1, 2, batch=3, vision_layers=2, embed=9),
    Sizes(3, 1, 0, sharp=True, embed=20),
)


def parameters(sizes: Sizes, generator: torch.Generator) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}

    def add(name: str, *shape: int, spread: float = 0.3, around: float = 0.0) -> None:
        values = around + spread * torch.randn(shape, generator=generator)
        made[name] = values.double().requires_grad_()  # what fp32 can hold, so that the file holds it too

    def add_norm(name: str, width: int) -> None:
        add(f"{name}.weight", width, around=1.0)
        add(f"{name}.bias", width)

    def add_linear(name: str, outputs: int, inputs: int, gain: float = 1.0) -> None:
        add(f"{name}.weight", outputs, inputs, spread=gain * inputs**-0.5)
        add(f"{name}.bias", outputs)

    def add_block(name: str, width: int) -> None:
        add(f"{name}.attn.in_proj_weight", 3 * width, width, spread=1.5 * width**-0.5)
        add(f"{name}.attn.in_proj_bias", 3 * width)
        add_linear(f"{name}.attn.out_proj", width, width)
        add_norm(f"{name}.ln_1", width)
        add_linear(f"{name}.mlp.c_fc", 4 * width, width)
        add_linear(f"{name}.mlp.c_proj", width, 4 * width)
        add_norm(f"{name}.ln_2", width)

    wide, deep, joint = sizes.vision_width, sizes.text_width, sizes.embed
    add("visual.class_embedding", wide)
    add("visual.positional_embedding", 1 + (sizes.image // sizes.patch) ** 2, wide)
    add("visual.proj", wide, joint)
    add("visual.conv1.weight", wide, 3, sizes.patch, sizes.patch)
    for name in ("visual.ln_pre", "visual.ln_post"):
        add_norm(name, wide)
    for layer in range(sizes.vision_layers):
        add_block(f"visual.transformer.resblocks.{layer}", wide)
    add("token_embedding.weight", sizes.vocab, deep)
    add("positional_embedding", sizes.context, deep)
    add("text_projection", deep, joint)
    add("logit_scale", around=2.0)
    add_norm("ln_final", deep)
    for layer in range(sizes.text_layers):
        add_block(f"transformer.resblocks.{layer}", deep)
    for kind, count in (("vision", sizes.vis), ("share", sizes.share), ("text", sizes.txt)):
        for number in range(count):
            add_block(f"{kind}_expert_{number}", joint)
    add_linear("weight_attn_vis", sizes.vis + sizes.share, joint)
    add_linear("weight_attn_txt", sizes.txt + sizes.share, joint)
    add_linear("weight_full", sizes.vis + 2 * sizes.share + sizes.txt, 2 * joint)
    add_linear("itm_head", 2, joint, gain=6.0 if sizes.sharp else 1.0)
    return made


class Plain:
    """The computation, over a dict of parameters."""

    def __init__(self, sizes: Sizes, p: dict[str, Tensor]) -> None:
        self.sizes, self.p = sizes, p

    def norm(self, name: str, x: Tensor) -> Tensor:
        centred = x - x.mean()
        return centred / (centred.pow(2).mean() + 1e-5).sqrt() * self.p[f"{name}.weight"] + self.p[f"{name}.bias"]

    def linear(self, name: str, x: Tensor) -> Tensor:
        return self.p[f"{name}.weight"] @ x + self.p[f"{name}.bias"]

    def block(self, name: str, queries: Tensor, context: Tensor, heads: int, causal: bool = False) -> Tensor:
        width = queries.shape[-1]
        share = width // heads
        weights, biases = self.p[f"{name}.attn.in_proj_weight"], self.p[f"{name}.attn.in_proj_bias"]
        w, b = weights.split(width), biases.split(width)
        read = [self.norm(f"{name}.ln_1", token) for token in context]
        keys = torch.stack([w[1] @ token + b[1] for token in read])
        values = torch.stack([w[2] @ token + b[2] for token in read])
        rows = []
        for place, token in enumerate(queries):
            query = w[0] @ self.norm(f"{name}.ln_1", token) + b[0]
            seen = place + 1 if causal else len(context)
            mixed = []
            for head in range(heads):
                part = slice(head * share, (head + 1) * share)
                chances = (keys[:seen, part] @ query[part] / share**0.5).exp()
                mixed.append(chances @ values[:seen, part] / chances.sum())
            token = token + self.linear(f"{name}.attn.out_proj", torch.cat(mixed))
            hidden = self.linear(f"{name}.mlp.c_fc", self.norm(f"{name}.ln_2", token))
            rows.append(token + self.linear(f"{name}.mlp.c_proj", hidden / (1 + (-1.702 * hidden).exp())))
        return torch.stack(rows)

    def see(self, image: Tensor) -> Tensor:
        p, side = self.p, self.sizes.patch
        tokens = [p["visual.class_embedding"]]
        for top in range(0, self.sizes.image, side):
            for left in range(0, self.sizes.image, side):
                patch = image[:, top : top + side, left : left + side]
                tokens.append((p["visual.conv1.weight"] * patch).sum(dim=(1, 2, 3)))
        x = torch.stack(tokens) + p["visual.positional_embedding"]
        x = torch.stack([self.norm("visual.ln_pre", token) for token in x])
        for layer in range(self.sizes.vision_layers):
            x = self.block(f"visual.transformer.resblocks.{layer}", x, x, self.sizes.vision_heads)
        return torch.stack([self.norm("visual.ln_post", token) @ p["visual.proj"] for token in x])

    def read(self, tokens: Tensor) -> Tensor:
        p = self.p
        x = torch.stack([p["token_embedding.weight"][token] for token in tokens]) + p["positional_embedding"]
        for layer in range(self.sizes.text_layers):
            x = self.block(f"transformer.resblocks.{layer}", x, x, self.sizes.text_heads, causal=True)
        return torch.stack([self.norm("ln_final", token) @ p["text_projection"] for token in x])

    def experts(self, image: Tensor, text: Tensor, explanation: Tensor, end: int) -> tuple[Tensor, Tensor]:
        def kept(kind: str, count: int, query: Tensor, context: Tensor, place: int) -> list[Tensor]:
            return [self.block(f"{kind}_expert_{n}", query, context, 1)[place] for n in range(count)]

        of_image = kept("vision", self.sizes.vis, image, image, 0)
        of_image += kept("share", self.sizes.share, image, explanation, 0)
        of_text = kept("text", self.sizes.txt, text, text, end)
        of_text += kept("share", self.sizes.share, text, explanation, end)
        return torch.stack(of_image), torch.stack(of_text)

    def gate(self, name: str, x: Tensor) -> Tensor:
        scores = self.linear(name, x).exp()
        return scores / scores.sum()

    def match(self, image: Tensor, text: Tensor, explanation: Tensor, end: int) -> dict[str, Tensor]:
        experts = torch.cat(self.experts(image, text, explanation, end))
        gate = self.gate("weight_full", torch.cat([image[0], text[end]]))
        fused = gate @ experts
        return {"experts": experts, "gate_full": gate, "fusion": fused, "itm_logits": self.linear("itm_head", fused)}

    def cosines(self, images: Tensor, texts: Tensor) -> Tensor:
        return self.p["logit_scale"].exp() * torch.stack(
            [torch.stack([i @ t / (i.norm() * t.norm()) for t in texts]) for i in images]
        )
