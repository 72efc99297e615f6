"""Names of training methods: plain CLIP, EntityCLIP, or CLIP with some of our extensions. Does not import torch.

Reports, the site, tables and model cards all use these names, in this order.
"""

from model.settings.schema import MethodSettings

MMAE, GI_ITM, BRIDGE, ANCHORS = "MMAE", "GI-ITM", "bridge", "anchors"
UNIMPROVED = (
    "training improved nothing: validation recall was highest before the first step, so the checkpoint holds the "
    "weights that training started from"
)
OURS = (BRIDGE, ANCHORS)  # our extensions, not in the paper


def parts(method: MethodSettings) -> tuple[str, ...]:
    """Return the parts trained in addition to the contrastive loss; a part with weight 0 is off."""
    found = {
        MMAE: method.has_mmae,
        GI_ITM: method.has_gi_itm,
        BRIDGE: method.bridge_weight > 0,
        ANCHORS: method.has_anchors,
    }
    return tuple(part for part, is_on in found.items() if is_on)


def is_plain_clip(method: MethodSettings) -> bool:
    """Return whether only the contrastive loss is trained."""
    return not parts(method)


def kind(method: MethodSettings) -> str:
    """Return the name: "plain CLIP", "EntityCLIP", "MMAE only", "CLIP with anchors", "EntityCLIP with bridge", ..."""
    if is_plain_clip(method):
        return "plain CLIP"
    ours = [part for part in parts(method) if part in OURS]
    papers = [part for part in parts(method) if part not in OURS]
    if len(papers) == 1 and not ours:
        return f"{papers[0]} only"
    base, added = ("EntityCLIP", ours) if len(papers) == 2 else ("CLIP", papers + ours)
    return f"{base} with {' and '.join(added)}" if added else base
