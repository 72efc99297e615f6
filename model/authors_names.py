"""The authors' public implementation names the same parameters differently; this is the whole mapping."""

from collections.abc import Iterator

import torch
from torch import Tensor

_EXPERTS = {"vision_expert_": "image", "share_expert_": "shared", "text_expert_": "text"}
_OTHERS = {
    "weight_attn_vis.": "image_gate.score.",
    "weight_attn_txt.": "text_gate.score.",
    "weight_full.": "matching.gate.score.",
    "itm_head.": "matching.head.",
}


def from_authors(name: str) -> tuple[str, int | None]:
    """Our state-dict name of one of their parameters, and for an expert its place in our stacked parameter.

    What is not an expert, a gate or a head is CLIP's own.
    """
    for theirs, group in _EXPERTS.items():
        if name.startswith(theirs):
            number, _, parameter = name.removeprefix(theirs).partition(".")
            short = parameter.removeprefix("attn.").removeprefix("mlp.").replace(".", "_")
            return f"experts.{group}.{short}", int(number)
    for theirs, ours in _OTHERS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs), None
    return "clip." + name, None


def state_from_authors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their state dict under our names, each group's experts stacked."""
    return dict(_renamed(state))


def _renamed(state: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    stacks: dict[str, dict[int, Tensor]] = {}
    for name, tensor in state.items():
        ours, place = from_authors(name)
        if place is None:
            yield ours, tensor
        else:
            stacks.setdefault(ours, {})[place] = tensor
    for ours, stack in stacks.items():
        yield ours, torch.stack([stack[place] for place in range(len(stack))])
