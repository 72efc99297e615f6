"""Samples of a dataset: single, collated, and cached."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class PackedRow(NamedTuple):
    """A row with its packed image, read ahead: row groups are read whole, so one process reads for all workers."""

    row: int
    image: bytes


class Sample(NamedTuple):
    """One row."""

    row: int
    pixels: Tensor  # (3, H, W) uint8
    caption: Tensor  # (context_length,) int32 token ids
    explanation: Tensor | None  # (context_length,) int32 token ids


class BadSample(NamedTuple):
    """A row whose image cannot be used."""

    row: int
    why: str


class LoadedRows(NamedTuple):
    """Collated samples, U with a usable image, in compact types for the transfer between processes."""

    rows: list[int]  # usable rows, in the requested order
    pixels: Tensor  # (U, 3, H, W) uint8
    captions: Tensor  # (U, context_length) int32
    explanations: Tensor | None  # (U, context_length) int32
    failures: list[BadSample]


class SampleCache:
    """Samples of N rows in memory."""

    def __init__(self, rows: int, image_size: tuple[int, int], context_length: int, *, explanations: bool) -> None:
        self._pixels = torch.empty((rows, 3, *image_size), dtype=torch.uint8)
        self._captions = torch.empty((rows, context_length), dtype=torch.int32)
        self._explanations = torch.empty_like(self._captions) if explanations else None
        self._failures: dict[int, BadSample] = {}

    def add(self, loaded: LoadedRows) -> None:
        """Copy loaded rows into the cache."""
        self._pixels[loaded.rows], self._captions[loaded.rows] = loaded.pixels, loaded.captions
        if self._explanations is not None and loaded.explanations is not None:
            self._explanations[loaded.rows] = loaded.explanations
        self._failures |= {bad.row: bad for bad in loaded.failures}

    def samples(self, rows: Sequence[int]) -> list[Sample | BadSample]:
        """Return the samples of cached rows."""
        explanations = self._explanations
        return [
            self._failures.get(row)
            or Sample(row, self._pixels[row], self._captions[row], None if explanations is None else explanations[row])
            for row in rows
        ]
