"""The authors' public implementation names the same parameters differently; this is the whole mapping."""

_PREFIXES = {
    "vision_expert_": "experts.image.",
    "share_expert_": "experts.shared.",
    "text_expert_": "experts.text.",
    "weight_attn_vis.": "image_gate.score.",
    "weight_attn_txt.": "text_gate.score.",
    "weight_full.": "matching.gate.score.",
    "itm_head.": "matching.head.",
}


def from_authors(name: str) -> str:
    """Our state-dict name of one of their parameters; what is not an expert, a gate or a head is CLIP's own."""
    for theirs, ours in _PREFIXES.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return "clip." + name
