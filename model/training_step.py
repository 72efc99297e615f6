"""From a batch to gradients: the part of a step between reading data and moving weights."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch

from model.batch import Batch
from model.entityclip import EntityCLIP, StepOutput
from model.errors import ModelError
from model.gradient_cache import GradientCache, check_rows_are_independent, split, trimmed
from model.scalars import measured, to_floats
from model.seeds import seeded
from model.towers import TokenFeatures, is_causal


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
        *,
        micro_batch_size: int | None = None,
    ) -> None:
        """`autocast` makes the context of each forward pass; backward passes run outside of it.

        With `micro_batch_size`, larger batches pass the towers in pieces of at most so many rows: the same gradients
        in less memory (`model.gradient_cache`). Raises ModelError for towers in which that would change them.
        """
        if micro_batch_size is not None:
            check_rows_are_independent(model, f"optim.micro_batch_size={micro_batch_size}")
        self.model, self.seed, self.autocast, self.micro_batch_size = model, seed, autocast, micro_batch_size

    def gradients(self, step: int, batch: Batch) -> StepValues:
        """Replace the gradients. Raises ModelError, naming step and ids, if a loss is not finite."""
        if self.micro_batch_size is None or len(batch.ids) <= self.micro_batch_size:
            return self._at_once(step, batch)
        return self._in_pieces(step, batch, self.micro_batch_size)

    def _at_once(self, step: int, batch: Batch) -> StepValues:
        with self.autocast():
            output: StepOutput = self.model(batch.to(self._device), generator=self._generator(step))
        values = self._values(step, batch, output)
        self.model.zero_grad(set_to_none=True)
        output.losses["total"].backward()
        return values

    def _in_pieces(self, step: int, batch: Batch, size: int) -> StepValues:
        cache = GradientCache(self._micro_batches(batch, size), self._encode, self._device)
        with self.autocast():
            groups = batch.groups.to(self._device)
            output = self.model.losses(cache.features, groups, generator=self._generator(step))
        values = self._values(step, batch, output)
        self.model.zero_grad(set_to_none=True)
        output.losses["total"].backward()
        del output
        cache.backward(self._encode)
        return values

    def _micro_batches(self, batch: Batch, size: int) -> list[Batch]:
        parts = split(batch, size)
        clip = self.model.clip
        if self.model.method.reads_padding or not is_causal(clip):
            return parts
        return [trimmed(clip, part) for part in parts]

    def _encode(self, batch: Batch) -> TokenFeatures:
        # a context for each pass: within one, the second would meet weights that the first cast without gradient
        with self.autocast():
            return self.model.token_features(batch)

    def _values(self, step: int, batch: Batch, output: StepOutput) -> StepValues:
        losses, report = to_floats(output.losses, output.report)
        if not all(math.isfinite(value) for value in losses.values()):
            raise ModelError(
                f"step {step}: the loss is not finite ({losses}); lower optim.lr or look at this batch: "
                + ", ".join(batch.ids)
            )
        return StepValues(losses, measured(report))

    def _generator(self, step: int) -> torch.Generator:
        return seeded(self.seed, "hard negatives", step, self._device)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device
