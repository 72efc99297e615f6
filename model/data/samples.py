"""Loaded rows of a dataset, and their in-memory cache."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class PackedRow(NamedTuple):
    """A row number and the row's packed image, which one process reads ahead for all workers, in whole row groups."""

    row: int
    image: bytes


class BadRow(NamedTuple):
    """A row with an unusable image."""

    row: int
    why: str


class LoadedRows(NamedTuple):
    """Tokens and pixels of U rows with a usable image, in compact types for transfer between processes."""

    rows: list[int]  # usable rows, in the requested order
    pixels: Tensor  # (U, 3, H, W) uint8
    captions: Tensor  # (U, context_length) int32 token ids
    explanations: Tensor | None  # (U, context_length) int32 token ids
    failures: list[BadRow]


class SampleCache:
    """All N rows of a dataset in memory."""

    def __init__(self, count: int, image_size: tuple[int, int], context_length: int, *, explanations: bool) -> None:
        self._pixels = torch.empty((count, 3, *image_size), dtype=torch.uint8)
        self._captions = torch.empty((count, context_length), dtype=torch.int32)
        self._explanations = torch.empty_like(self._captions) if explanations else None
        self._failures: dict[int, BadRow] = {}

    def add(self, loaded: LoadedRows) -> None:
        """Copy loaded rows into the cache."""
        self._pixels[loaded.rows], self._captions[loaded.rows] = loaded.pixels, loaded.captions
        if self._explanations is not None and loaded.explanations is not None:
            self._explanations[loaded.rows] = loaded.explanations
        self._failures |= {bad.row: bad for bad in loaded.failures}

    def loaded(self, rows: Sequence[int]) -> LoadedRows:
        """Return cached rows, as the dataset would load them."""
        usable = [row for row in rows if row not in self._failures]
        failures = [self._failures[row] for row in rows if row in self._failures]
        explanations = None if self._explanations is None else self._explanations[usable]
        return LoadedRows(usable, self._pixels[usable], self._captions[usable], explanations, failures)
