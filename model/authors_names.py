"""The authors' public implementation names the same parameters differently; this is the whole mapping."""

from collections.abc import Iterator

import torch
from torch import Tensor

_EXPERTS = {"vision_expert_": "image", "share_expert_": "shared", "text_expert_": "text"}
_IN_AN_EXPERT = {
    "ln_1.weight": "ln_1_weight",
    "ln_1.bias": "ln_1_bias",
    "attn.in_proj_weight": "in_proj_weight",
    "attn.in_proj_bias": "in_proj_bias",
    "attn.out_proj.weight": "out_proj_weight",
    "attn.out_proj.bias": "out_proj_bias",
    "ln_2.weight": "ln_2_weight",
    "ln_2.bias": "ln_2_bias",
    "mlp.c_fc.weight": "c_fc_weight",
    "mlp.c_fc.bias": "c_fc_bias",
    "mlp.c_proj.weight": "c_proj_weight",
    "mlp.c_proj.bias": "c_proj_bias",
}
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
        number, _, parameter = name.removeprefix(theirs).partition(".")
        if name.startswith(theirs) and number.isdecimal() and parameter in _IN_AN_EXPERT:
            return f"experts.{group}.{_IN_AN_EXPERT[parameter]}", int(number)
    for theirs, ours in _OTHERS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs), None
    return "clip." + name, None


def shapes_at_authors(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    """Name and shape of every parameter that the authors' model has where ours has `state`."""
    return dict(_at_authors(state))


def state_from_authors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their state dict under our names, each group's experts stacked; no expert's number may be missing."""
    return dict(_renamed(state))


def expert_counts(names: set[str]) -> dict[str, int]:
    """How many experts of each group ("image", "shared", "text") a state dict of theirs has."""
    counts = dict.fromkeys(_EXPERTS.values(), 0)
    for ours, place in map(from_authors, names):
        if place is not None:
            group = ours.split(".")[1]
            counts[group] = max(counts[group], place + 1)
    return counts


def _at_authors(state: dict[str, Tensor]) -> Iterator[tuple[str, torch.Size]]:
    prefixes = {group: theirs for theirs, group in _EXPERTS.items()}
    parameters = {ours: theirs for theirs, ours in _IN_AN_EXPERT.items()}
    others = {ours: theirs for theirs, ours in _OTHERS.items()}
    for name, tensor in state.items():
        if name.startswith("experts."):
            _, group, parameter = name.split(".")
            for number in range(len(tensor)):
                yield f"{prefixes[group]}{number}.{parameters[parameter]}", tensor.shape[1:]
            continue
        renamed = [theirs + name.removeprefix(ours) for ours, theirs in others.items() if name.startswith(ours)]
        yield (*renamed, name.removeprefix("clip."))[0], tensor.shape


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
