"""Names of training methods: plain CLIP, EntityCLIP, or CLIP with some of our extensions. Does not import torch.

Reports, the site, tables and model cards all use these names and list the parts of a method in the order below.
"""

from model.settings.schema import MethodSettings

MMAE, GI_ITM, BRIDGE, ANCHORS, FUSED = "MMAE", "GI-ITM", "bridge", "anchors", "fused target"
UNIMPROVED = (
    "training improved nothing: validation recall was highest before the first step, so the checkpoint holds the "
    "weights that training started from"
)
OURS = (BRIDGE, ANCHORS, FUSED)  # our extensions, not in the paper


def parts(method: MethodSettings) -> tuple[str, ...]:
    """Return the parts that the method adds to the contrastive loss; a part with weight 0 is off."""
    found = {
        MMAE: method.has_mmae,
        GI_ITM: method.has_gi_itm,
        BRIDGE: method.bridge_weight > 0,
        ANCHORS: method.anchor_text_weight > 0 or method.anchor_image_weight > 0,
        FUSED: method.fused_weight > 0 or method.mmae_fused_weight > 0,
    }
    return tuple(part for part, is_on in found.items() if is_on)


def is_plain_clip(method: MethodSettings) -> bool:
    """Return whether the method trains with the contrastive loss only."""
    return not parts(method)


def kind(method: MethodSettings) -> str:
    """Return the method's name, such as "plain CLIP", "EntityCLIP", "MMAE only" or "EntityCLIP with bridge"."""
    if is_plain_clip(method):
        return "plain CLIP"
    ours = [part for part in parts(method) if part in OURS]
    papers = [part for part in parts(method) if part not in OURS]
    if len(papers) == 1 and not ours:
        return f"{papers[0]} only"
    base, added = ("EntityCLIP", ours) if len(papers) == 2 else ("CLIP", papers + ours)
    base = f"one-sided {base}" if papers and method.one_sided else base
    return f"{base} with {' and '.join(added)}" if added else base
