"""What a run is by its method: plain CLIP, EntityCLIP, or a CLIP with parts of ours. The one account of it; no torch.

Report, site, tables and model cards all take their names and their order from here.
"""

from model.settings.schema import MethodSettings

MMAE, GI_ITM, BRIDGE, ANCHORS = "MMAE", "GI-ITM", "bridge", "anchors"
OURS = (BRIDGE, ANCHORS)  # extensions, not the paper's


def parts(method: MethodSettings) -> tuple[str, ...]:
    """What is trained beside the contrastive loss; a part whose weight is 0 is off."""
    found = {
        MMAE: method.has_mmae,
        GI_ITM: method.has_gi_itm,
        BRIDGE: method.bridge_weight > 0,
        ANCHORS: method.has_anchors,
    }
    return tuple(part for part, is_on in found.items() if is_on)


def is_plain_clip(method: MethodSettings) -> bool:
    """Whether the contrastive loss is all that is trained."""
    return not parts(method)


def kind(method: MethodSettings) -> str:
    """Its name, such as "plain CLIP", "EntityCLIP", "MMAE only", "CLIP with anchors" or "EntityCLIP with bridge"."""
    if is_plain_clip(method):
        return "plain CLIP"
    ours = [part for part in parts(method) if part in OURS]
    papers = [part for part in parts(method) if part not in OURS]
    if len(papers) == 1 and not ours:
        return f"{papers[0]} only"
    base, added = ("EntityCLIP", ours) if len(papers) == 2 else ("CLIP", papers + ours)
    return f"{base} with {' and '.join(added)}" if added else base
