"""What a worker does: rows to pixels and tokens, as compact as they travel well."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from model.images import BadImage, Preprocessing, decode_bytes, decode_file
from model.text_file import TextFile
from model.tokens import TextReader
from model.towers import Towers, image_size


class Request(NamedTuple):
    """R rows to load, with what a worker must know of them: it holds nothing that grows with a split."""

    rows: list[int]
    positions: list[int]  # of their own texts
    told: list[int]  # of the explanations they are to have
    images: list[bytes | Path]  # packed bytes, or the image root


class Loaded(NamedTuple):
    """What became of a request: U of its rows have a usable image."""

    rows: list[int]  # these, in the order asked for
    pixels: Tensor  # (U, 3, H, W) uint8
    captions: Tensor  # (U, context_length) int32
    explanations: Tensor | None  # (U, context_length) int32
    failures: list[tuple[int, str]]  # row and why, for the others


class RowLoader:
    """Loads rows. Depends on nothing but them, so it does the same wherever it runs."""

    def __init__(self, texts: TextFile, towers: Towers, *, explanations: bool) -> None:
        self._texts, self._explanations = texts, explanations
        self.read = TextReader(towers)
        self.preprocessing = Preprocessing(towers.transform)
        self.image_size = image_size(towers.clip)

    def __getitem__(self, request: Request) -> Loaded:
        kept, pixels, failures = [], [], []
        for place, row in enumerate(request.rows):
            try:
                pixels.append(self._pixels(request.images[place], request.positions[place]))
                kept.append(place)
            except BadImage as error:
                failures.append((row, str(error)))
        stacked = torch.stack(pixels) if pixels else torch.zeros((0, 3, *self.image_size), dtype=torch.uint8)
        captions = self.tokens("caption", [request.positions[place] for place in kept])[0]
        explanations = None
        if self._explanations:
            explanations = self.tokens("explanation", [request.told[place] for place in kept])[0]
        return Loaded([request.rows[place] for place in kept], stacked, captions, explanations, failures)

    def tokens(self, column: str, positions: Sequence[int]) -> tuple[Tensor, int]:
        """Token ids (R, context_length) int32 of a column's texts, and how many were truncated."""
        return self.read([self._texts.text(column, position) or "" for position in positions], f"{column}s")

    def _pixels(self, image: bytes | Path, position: int) -> Tensor:
        """(3, H, W) uint8. Raises BadImage."""
        wanted = max(self.image_size)
        if isinstance(image, bytes):
            return self.preprocessing.pixels(decode_bytes(image, wanted))
        path = self._texts.text("path", position)
        if path is None:
            raise BadImage("neither bytes nor a path")
        return self.preprocessing.pixels(decode_file(image, path, wanted))
