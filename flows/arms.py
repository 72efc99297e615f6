"""The training configurations (arms) that are compared; they differ only in the method."""

_OFF = {"mmae": False, "gi_itm": False, "bridge_weight": 0.0, "anchor_text_weight": 0.0, "anchor_image_weight": 0.0}


def only(**parts: object) -> tuple[str, ...]:
    """Return overrides of training settings that enable only the given parts of `method`; with none, plain CLIP."""
    return tuple(f"method.{name}={str(value).lower()}" for name, value in (_OFF | parts).items())


# The arms of the demo and of `run_entityclip`: the baseline, the paper's method, and ours as in the preset `default`.
ARMS = {"plain": only(), "entityclip": only(mmae=True, gi_itm=True), "anchors": only(anchor_text_weight=1.0)}
