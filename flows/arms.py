"""Defines the training configurations (arms) to compare, which differ only in their `method` settings."""

_OFF = {"mmae": False, "gi_itm": False, "bridge_weight": 0.0, "anchor_text_weight": 0.0, "anchor_image_weight": 0.0}


def only(**parts: object) -> tuple[str, ...]:
    """Return setting overrides that enable only the given parts of `method`, or select plain CLIP if none are given."""
    return tuple(f"method.{name}={str(value).lower()}" for name, value in (_OFF | parts).items())


# The arms of the demo and of `run_entityclip`: plain CLIP, the paper's method, and our anchors (preset `default`).
ARMS = {"plain": only(), "entityclip": only(mmae=True, gi_itm=True), "anchors": only(anchor_text_weight=1.0)}
