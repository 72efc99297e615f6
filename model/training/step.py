"""Computes gradients from a batch: the part of a step between data loading and the optimiser."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from model.clip.towers import TokenFeatures, is_causal
from model.distributed.collectives import AveragedGradients
from model.distributed.local import LocalBatch, LocalGroup
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP, StepOutput
from model.rng import seeded
from model.training.gradient_cache import GradientCache, check_rows_are_independent, split, trimmed


def to_floats(*groups: dict[str, Tensor]) -> list[dict[str, float]]:
    """Convert groups of scalars to Python floats with a single device synchronisation."""
    values = [value.detach() for group in groups for value in group.values()]
    plain = iter(torch.stack(values).tolist() if values else [])
    return [{name: next(plain) for name in group} for group in groups]


def measured(report: dict[str, float]) -> dict[str, float]:
    """Drop values that are not finite (0 / 0 where a step had nothing to measure), because JSON has no NaN."""
    return {name: value for name, value in report.items() if math.isfinite(value)}


class StepValues(NamedTuple):
    """Losses and diagnostics of a step as plain numbers."""

    losses: dict[str, float]
    report: dict[str, float]


class TrainingStep:
    """Computes the gradient of the whole batch's loss and stores it in `.grad` of the model's parameters."""

    def __init__(
        self,
        model: EntityCLIP,
        seed: int,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
        *,
        micro_batch_size: int | None = None,
        processes: LocalGroup | None = None,
    ) -> None:
        """Prepare to train `model`; `autocast` creates the context for forward passes, but not for backward passes.

        With `micro_batch_size`, the towers process at most that many rows at a time, which gives the same gradients
        with less memory (`model.training.gradient_cache`). With `processes`, each holds some rows of the batch, and all
        get the gradients of the whole batch (`model.distributed.collectives`). Raises ModelError if either option would
        change the gradients of these towers.
        """
        if micro_batch_size is not None:
            check_rows_are_independent(model, f"optim.micro_batch_size={micro_batch_size}")
        self.processes = processes or LocalGroup()
        if self.processes.count > 1:
            check_rows_are_independent(model, f"{self.processes.count} processes")
        self.model, self.seed, self.autocast, self.micro_batch_size = model, seed, autocast, micro_batch_size
        self._averaged = AveragedGradients(model) if self.processes.count > 1 else None
        self._device = next(model.parameters()).device

    def gradients(self, step: int, batch: Batch) -> StepValues:
        """Replace the gradients with those of the whole batch; `batch` holds this process's rows of it.

        The caller must check whether the gradients are usable (`model.training.divergence`).
        """
        rows, size = len(batch.ids), self.micro_batch_size
        texts = batch.captions if batch.explanations is None else batch.explanations
        whole = self.processes.share(rows, texts.shape[1])
        with self.processes.own_random_numbers(self.seed, step):
            if size is None or (rows <= size and self.processes.count == 1):  # all processes must take the same branch
                return self._at_once(batch, whole, step)
            return self._in_pieces(batch, whole, step, size)

    def ids(self, batch: Batch) -> list[str]:
        """Gather the ids of the whole batch; every process must call this."""
        return [triple_id for ids in self.processes.all_gather_objects(batch.ids) for triple_id in ids]

    def _at_once(self, batch: Batch, whole: LocalBatch, step: int) -> StepValues:
        model = self._averaged or self.model
        with self.autocast():
            output: StepOutput = model(batch.to(self._device), generator=self._generator(step), whole=whole)
        values = self._values(whole, output)
        self.model.zero_grad(set_to_none=True)
        self._backward(output, whole)
        return values

    def _in_pieces(self, batch: Batch, whole: LocalBatch, step: int, size: int) -> StepValues:
        parts, clip = split(batch, size), self.model.clip
        if is_causal(clip) and not self.model.method.reads_padding:
            parts = [trimmed(clip, part) for part in parts]
        cache = GradientCache(parts, self._encode, self._device)
        with self.autocast():
            groups = batch.groups.to(self._device)
            output = self.model.losses(cache.features, groups, generator=self._generator(step), whole=whole)
        values = self._values(whole, output)
        self.model.zero_grad(set_to_none=True)
        with nullcontext() if self._averaged is None else self._averaged.not_yet():
            self._backward(output, whole)
            del output
            cache.keep_gradients()
            cache.backward(self._encode, slice(None, -1))
        # the last backward pass averages the gradients over the processes
        cache.backward(partial(self._encode, model=self._averaged or self.model), slice(-1, None))
        return values

    def _backward(self, output: StepOutput, whole: LocalBatch) -> None:
        (output.losses["total"] * whole.processes).backward()  # losses are summed over processes, gradients averaged

    def _encode(self, batch: Batch, model: EntityCLIP | AveragedGradients | None = None) -> TokenFeatures:
        # one context per pass: a shared one would reuse the weights that the first pass cast without gradient
        with self.autocast():
            return (model or self.model).token_features(batch)

    def _values(self, whole: LocalBatch, output: StepOutput) -> StepValues:
        of_all = whole.sum(torch.stack(list(output.losses.values())))
        losses, report = to_floats(dict(zip(output.losses, of_all, strict=True)), output.report)
        return StepValues(losses, measured(report))

    def _generator(self, step: int) -> torch.Generator:
        return seeded(self.seed, "hard negatives", step, self._device)
