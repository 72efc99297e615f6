"""What is compared: the method's parts, and each of them with explanations that cannot help."""

from dataclasses import dataclass
from typing import Literal

from flows.arms import only

Explanations = Literal["generated", "others", "oracle"]
Budget = Literal["steps", "compute"]


@dataclass(frozen=True)
class Arm:
    """A way to train.

    Attributes:
        method: overrides of training settings that make it.
        explanations: of the demo's LLM for the pair's own caption; those of other houses (a control: what still helps
            does not come from what they say); or the encyclopedia's own (no LLM's mistakes).
        like: the arm whose learning rate it takes, where it is not tuned itself.
    """

    name: str
    method: tuple[str, ...]
    explanations: Explanations = "generated"
    like: str | None = None

    @property
    def slug(self) -> str:
        """Its name as a folder's."""
        return self.name.lower().replace(" + ", "-and-").replace(", ", "-").replace(" ", "-")


PLAIN = Arm("plain CLIP", only())
MMAE = Arm("MMAE only", only(mmae=True))
GI_ITM = Arm("GI-ITM only", only(gi_itm=True))
ENTITYCLIP = Arm("EntityCLIP", only(mmae=True, gi_itm=True))
BRIDGE = Arm("bridge only", only(bridge_weight=1.0))
BOTH = Arm("EntityCLIP + bridge", only(mmae=True, gi_itm=True, bridge_weight=1.0))
ANCHORS = Arm("anchors only", only(anchor_text_weight=1.0))
TUNED = (PLAIN, MMAE, GI_ITM, ENTITYCLIP, BRIDGE, BOTH, ANCHORS)
CONTROLS = tuple(
    Arm(f"{arm.name}, others' explanations", arm.method, "others", like=arm.name) for arm in TUNED if arm is not PLAIN
)
ORACLES = (Arm(f"{ANCHORS.name}, oracle's explanations", ANCHORS.method, "oracle", like=ANCHORS.name),)
OTHER_CHECKPOINT = (PLAIN, ENTITYCLIP, BOTH, ANCHORS)  # what the second checkpoint is tried with
