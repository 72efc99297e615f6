"""Defines the arms: what each trains, and which of them are weights between two others."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from flows.arms import SEARCH_ARMS, only


class ArmPlan(BaseModel):
    """What was chosen for an arm.

    Attributes:
        lr: learning rate.
        alpha: weights of explanations for "towers", "both" and "mmae".
        gate: the lowest agreement of a caption with its explanation at which the explanation is used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lr: float
    steps: int
    alpha: dict[str, float]
    gate: float


@dataclass(frozen=True)
class Arm:
    """A training configuration, or weights between those before and after another arm's training.

    Attributes:
        method: overrides of training settings.
        of: the arm whose runs it is made from; None: it is trained.
        share: share of the trained weights; the rest are those before training.
    """

    name: str
    method: tuple[str, ...] = ()
    of: str | None = None
    share: float = 1.0

    @property
    def slug(self) -> str:
        return self.name.lower().replace(",", "").replace(" ", "-")


PLAIN = Arm("plain CLIP", only())
ENTITYCLIP = Arm("EntityCLIP as published", only(mmae=True, gi_itm=True))
ANCHORS, SEGMENTS, FUSED, ONE_SIDED, CACHED = (Arm(name, method) for name, method in SEARCH_ARMS.items())
TRAINED = (PLAIN, ENTITYCLIP, ANCHORS, SEGMENTS, FUSED, ONE_SIDED, CACHED)
BETWEEN = (
    Arm("untrained", of=PLAIN.name, share=0.0),
    Arm("plain CLIP, halfway", of=PLAIN.name, share=0.5),
    Arm("fused target, halfway", of=FUSED.name, share=0.5),
)
ARMS = (*TRAINED, *BETWEEN)
