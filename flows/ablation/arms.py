"""What is compared: the method's parts, and each of them with explanations that cannot help."""

from dataclasses import dataclass
from typing import Literal

Explanations = Literal["generated", "others", "oracle"]
Budget = Literal["steps", "compute"]

_OFF = {"mmae": False, "gi_itm": False, "bridge_weight": 0.0, "anchor_text_weight": 0.0, "anchor_image_weight": 0.0}


@dataclass(frozen=True)
class Arm:
    """A way to train.

    Attributes:
        method: settings that make it, of `method`.
        explanations: of the demo's LLM for the pair's own caption; those of other houses (a control: what still helps
            does not come from what they say); or the encyclopedia's own (no LLM's mistakes).
        like: the arm whose learning rate it takes, where it is not tuned itself.
    """

    name: str
    method: tuple[tuple[str, object], ...]
    explanations: Explanations = "generated"
    like: str | None = None

    @property
    def slug(self) -> str:
        """Its name as a folder's."""
        return self.name.lower().replace(" + ", "-and-").replace(", ", "-").replace(" ", "-")


def _arm(name: str, **method: object) -> Arm:
    return Arm(name, tuple((_OFF | method).items()))


PLAIN = _arm("plain CLIP")
MMAE = _arm("MMAE only", mmae=True)
GI_ITM = _arm("GI-ITM only", gi_itm=True)
ENTITYCLIP = _arm("EntityCLIP", mmae=True, gi_itm=True)
BRIDGE = _arm("bridge only", bridge_weight=1.0)
BOTH = _arm("EntityCLIP + bridge", mmae=True, gi_itm=True, bridge_weight=1.0)
ANCHORS = _arm("anchors only", anchor_text_weight=1.0)
TUNED = (PLAIN, MMAE, GI_ITM, ENTITYCLIP, BRIDGE, BOTH, ANCHORS)
CONTROLS = tuple(
    Arm(f"{arm.name}, others' explanations", arm.method, "others", like=arm.name) for arm in TUNED if arm is not PLAIN
)
ORACLES = tuple(
    Arm(f"{arm.name}, oracle's explanations", arm.method, "oracle", like=arm.name) for arm in (ENTITYCLIP, BOTH)
)
OTHER_CHECKPOINT = (PLAIN, ENTITYCLIP, BOTH, ANCHORS)  # what the second checkpoint is tried with
