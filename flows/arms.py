"""Defines the training configurations (arms) to compare, which differ only in their `method` settings."""

_OFF = {"mmae": False, "gi_itm": False, "bridge_weight": 0.0, "anchor_text_weight": 0.0, "anchor_image_weight": 0.0}


def only(**parts: object) -> tuple[str, ...]:
    """Return setting overrides that enable only the given parts of `method`, or select plain CLIP if none are given."""
    return tuple(f"method.{name}={str(value).lower()}" for name, value in (_OFF | parts).items())


_SEGMENTS = {"anchor_text_weight": 1.0, "anchor_segments": True}
_FUSED = {**_SEGMENTS, "fused_weight": 1.0}
_ONE_SIDED = {
    "mmae": True,
    "gi_itm": True,
    "aux_weight": 1.0,
    "one_sided": True,
    "zero_init": True,
    "query_dropout": 0.3,
}
_ONE_SIDED_FUSED = {**_FUSED, **_ONE_SIDED, "mmae_fused_weight": 1.0}
# Arms of ours that are meant for search with explanations (docs/method.md).
SEARCH_ARMS = {
    "anchors": only(anchor_text_weight=1.0),
    "segment anchors": only(**_SEGMENTS),
    "fused target": only(**_FUSED),
    "one-sided EntityCLIP": only(**_FUSED, **_ONE_SIDED),
    "one-sided EntityCLIP, cached": only(**_FUSED, **_ONE_SIDED, cached_explanations=True),
}

# The arms of the demo and of `run_entityclip`: plain CLIP, the paper's method, and our anchors (preset `default`).
ARMS = {"plain": only(), "entityclip": only(mmae=True, gi_itm=True), "anchors": only(anchor_text_weight=1.0)}
