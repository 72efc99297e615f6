"""The ways to train that are compared: equal in everything but the method."""

_OFF = {"mmae": False, "gi_itm": False, "bridge_weight": 0.0, "anchor_text_weight": 0.0, "anchor_image_weight": 0.0}


def only(**parts: object) -> tuple[str, ...]:
    """Overrides of training settings that switch on these parts of `method`, and no others: plain CLIP without any."""
    return tuple(f"method.{name}={str(value).lower()}" for name, value in (_OFF | parts).items())


# What the demo and the flow of a dataset train: the baseline, the paper's method, and ours, as preset `default` has it.
ARMS = {"plain": only(), "entityclip": only(mmae=True, gi_itm=True), "anchors": only(anchor_text_weight=1.0)}
