"""Defines the arms of the ablation: the method's parts, and controls with explanations that cannot help."""

from dataclasses import dataclass
from typing import Literal

from flows.arms import only

Explanations = Literal["generated", "others", "oracle"]


@dataclass(frozen=True)
class Arm:
    """A training configuration.

    Attributes:
        method: overrides of training settings.
        explanations: "generated" uses the text that the demo's LLM wrote for the pair's caption. "oracle" uses the
            encyclopedia's text, which has no LLM errors. "others" is a control that uses the LLM's text for a
            different pair, so no gain can come from the content of the text.
        like: name of the arm that shares its learning rate with this arm; if None, this arm has its own tuning runs.
    """

    name: str
    method: tuple[str, ...]
    explanations: Explanations = "generated"
    like: str | None = None

    @property
    def slug(self) -> str:
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
