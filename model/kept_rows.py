"""Rows that stay in memory as they were loaded, where they are few."""

import torch
from torch import Tensor

from model.row_loader import Loaded, Request


class KeptRows:
    """Gives out again what a RowLoader made of all rows of a split."""

    def __init__(self) -> None:
        self._usable: dict[int, tuple[Tensor, Tensor, Tensor | None]] = {}
        self._failures: dict[int, str] = {}

    def keep(self, loaded: Loaded) -> None:
        """Take these."""
        for place, row in enumerate(loaded.rows):
            explanation = None if loaded.explanations is None else loaded.explanations[place]
            self._usable[row] = (loaded.pixels[place], loaded.captions[place], explanation)
        self._failures.update(loaded.failures)

    def __getitem__(self, request: Request) -> Loaded:
        """As the RowLoader's. Raises KeyError for a row that is not here."""
        failures = [(row, self._failures[row]) for row in request.rows if row in self._failures]
        rows = [row for row in request.rows if row not in self._failures]
        pixels, captions, explanations = self._columns(rows)
        return Loaded(rows, pixels, captions, explanations, failures)

    def _columns(self, rows: list[int]) -> tuple[Tensor, Tensor, Tensor | None]:
        found = [self._usable[row] for row in rows] or [next(iter(self._usable.values()))]
        count = len(rows)  # 0: the shapes of another, without rows
        pixels = torch.stack([row[0] for row in found])[:count]
        captions = torch.stack([row[1] for row in found])[:count]
        explanations = [row[2] for row in found if row[2] is not None]
        return pixels, captions, torch.stack(explanations)[:count] if explanations else None
