"""From a batch to gradients: the part of a step between reading data and moving weights."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from model.batch import Batch
from model.entityclip import EntityCLIP, StepOutput
from model.errors import ModelError
from model.scalars import measured, to_floats
from model.seeds import seeded


class StepValues(NamedTuple):
    """What a step says of itself, as plain numbers."""

    losses: dict[str, float]
    report: dict[str, float]


class TrainingStep:
    """Leaves the gradient of the whole batch's loss in `.grad` of the model's parameters."""

    def __init__(
        self,
        model: EntityCLIP,
        seed: int,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """`autocast` makes the context of each forward pass; backward passes run outside of it."""
        self.model, self.seed, self.autocast = model, seed, autocast

    def gradients(self, step: int, batch: Batch) -> StepValues:
        """Replace the gradients. Raises ModelError, naming step and ids, if a loss is not finite."""
        device = next(self.model.parameters()).device
        batch = batch.to(device)
        generator = seeded(self.seed, "hard negatives", step, device)
        with self.autocast():
            output: StepOutput = self.model(batch, generator=generator)
        losses, report = to_floats(output.losses, output.report)
        if not all(math.isfinite(value) for value in losses.values()):
            raise ModelError(
                f"step {step}: the loss is not finite ({losses}); lower optim.lr or look at this batch: "
                + ", ".join(batch.ids)
            )
        self.model.zero_grad(set_to_none=True)
        output.losses["total"].backward()
        return StepValues(losses, measured(report))
