"""Gradient caching (arXiv 2101.06983): gradients of a whole batch's loss with the memory of a micro-batch.

The towers take most of a step's memory, and each row's pass through them is independent. Every micro-batch is therefore
encoded without gradient, the loss of the whole batch is computed from the token features and differentiated with
respect to them, and every micro-batch is encoded again to backpropagate its part of that gradient. This applies the
chain rule exactly. The token features and their gradient are kept in memory: for each row, 2 (Lv + 2 Lt) D values, or
6 D if no experts read tokens.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.clip.towers import TokenFeatures, eot_position
from model.errors import ModelError
from model.method.batch import Batch
from model.rng import forked, random_tensors, restore_random_tensors

Encode = Callable[[Batch], TokenFeatures]


class GradientCache:
    """Holds a batch's token features as autograd leaves, and backpropagates their gradients into the towers."""

    def __init__(self, micro_batches: list[Batch], encode: Encode, device: torch.device) -> None:
        """Encode every micro-batch without gradient on `device`."""
        self._micro_batches, self._device = micro_batches, device
        self._states: list[dict[str, Tensor]] = []  # states of torch's generators before each micro-batch
        self._gradients: list[Tensor | None] = []
        parts = []
        with torch.no_grad():
            for batch in micro_batches:
                self._states.append(random_tensors(device))
                parts.append(encode(batch.to(device)))
        self.features = _joined(parts)
        for leaf in _differentiable(self.features):
            if leaf is not None:
                leaf.requires_grad_()

    def keep_gradients(self) -> None:
        """Keep the gradients of the features and free the features."""
        self._gradients = [None if leaf is None else leaf.grad for leaf in _differentiable(self.features)]
        del self.features

    def backward(self, encode: Encode, micro_batches: slice = slice(None)) -> None:
        """Backpropagate the kept gradients through the encoder, for the selected micro-batches."""
        for number in range(len(self._micro_batches))[micro_batches]:
            batch = self._micro_batches[number]
            start = sum(len(before.ids) for before in self._micro_batches[:number])
            with forked(self._device):
                restore_random_tensors(self._states[number], self._device)
                part = encode(batch.to(self._device))
            given = {
                tokens: gradient[start : start + len(batch.ids), : tokens.shape[1]]
                for tokens, gradient in zip(_differentiable(part), self._gradients, strict=True)
                if tokens is not None and gradient is not None and tokens.requires_grad
            }
            if given:
                torch.autograd.backward(list(given), list(given.values()))


def split(batch: Batch, size: int) -> list[Batch]:
    """Split a batch into micro-batches of up to `size` consecutive rows; an empty batch gives one empty micro-batch."""
    return [batch.rows(slice(start, start + size)) for start in range(0, max(1, len(batch.ids)), size)]


def trimmed(clip: nn.Module, batch: Batch) -> Batch:
    """Cut the batch's texts to the length of the longest one; valid only if nothing reads padding."""

    def cut(tokens: Tensor) -> Tensor:
        return tokens[:, : int(eot_position(clip, tokens).max()) + 1] if len(tokens) else tokens

    explanations = None if batch.explanations is None else cut(batch.explanations)
    return replace(batch, captions=cut(batch.captions), explanations=explanations)


def check_rows_are_independent(model: nn.Module, why: str) -> None:
    """Raise ModelError, with a message starting with `why`, if a row's output depends on other rows of the batch."""
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ModelError(
                f"{why}: {name} is a batch normalisation layer: in training it makes every row depend on the other "
                "rows of its micro-batch and would change the result. Train a Vision Transformer, lock this tower "
                "(frozen statistics), or train in one process without micro-batches"
            )


def _differentiable(features: TokenFeatures) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    return features.image, features.text, features.explanation


def _joined(parts: list[TokenFeatures]) -> TokenFeatures:
    """Concatenate the parts, padding shorter texts at the end, where nothing reads the padding. Empties `parts`."""
    columns: list[list[Tensor | None]] = [list(column) for column in zip(*parts, strict=True)]
    parts.clear()
    joined = []
    while columns:
        present = [part for part in columns.pop(0) if part is not None]
        joined.append(_padded(present) if present else None)
    return TokenFeatures(*joined)  # type: ignore[arg-type]


def _padded(parts: list[Tensor]) -> Tensor:
    if parts[0].ndim == 1:
        return torch.cat(parts)
    longest = max(part.shape[1] for part in parts)
    for number, part in enumerate(parts):
        if part.shape[1] < longest:
            parts[number] = F.pad(part, [0] * (2 * part.ndim - 4) + [0, longest - part.shape[1]])
    return torch.cat(parts)
