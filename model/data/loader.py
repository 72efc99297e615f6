"""What a worker does: rows to pixels and tokens, as compact as they travel well."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from entityclip.contract.image_rules import BadImage
from model.clip.tokenize import TextReader
from model.clip.towers import Towers, image_size
from model.data.images import Preprocessing, decode_bytes, decode_file
from model.data.packed_images import PackedImages
from model.data.text_file import TextFile
from model.data.triple_table import TripleTable
from model.errors import ModelError

CHUNK = 64  # rows that a worker loads at a time


class LoadRequest(NamedTuple):
    """R rows to load, with what a worker must know of them: it holds nothing that grows with a split."""

    rows: list[int]
    positions: list[int]  # of their own texts
    explanation_order: list[int]  # of the explanations they are to have
    images: list[bytes | Path]  # packed bytes, or the image root


class RowRequests:
    """Requests for rows of a store.

    Attributes:
        are_packed: whether images lie in the shards, so that reading in any order would read row groups many times.
    """

    def __init__(self, rows: TripleTable) -> None:
        """Raises ModelError if an image root is missing."""
        self._rows = rows
        places = rows.places
        self.are_packed = bool(places.packed.any())
        for root in {rows.roots[number] for number in np.unique(places.root[~places.packed])}:
            if not root.is_dir():
                raise ModelError(f"no image root at {root}; set data.image_root to where the images are")

    def of(self, rows: list[int], images: PackedImages | None) -> LoadRequest:
        """The request for some rows; packed images are read here, by `images` (None: they are not needed)."""
        store, places = self._rows, self._rows.places
        return LoadRequest(
            rows,
            store.order[rows].tolist(),
            store.explanation_order[rows].tolist(),
            [
                images.read(int(places.shard[row]), int(places.group[row]), int(places.row[row]))
                if places.packed[row] and images is not None
                else store.roots[places.root[row]]
                for row in rows
            ],
        )

    def blocks(self) -> np.ndarray:
        """(N,) the row groups of the rows, numbered as they lie."""
        places = self._rows.places
        return np.unique(places.shard.astype(np.int64) << 32 | places.group, return_inverse=True)[1]


def chunks(rows: list[int]) -> list[list[int]]:
    """The same rows in parts for the workers; at least one, which may be empty."""
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)] or [[]]


class LoadedRows(NamedTuple):
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

    def __getitem__(self, request: LoadRequest) -> LoadedRows:
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
            explanations = self.tokens("explanation", [request.explanation_order[place] for place in kept])[0]
        return LoadedRows([request.rows[place] for place in kept], stacked, captions, explanations, failures)

    def tokens(self, column: str, positions: Sequence[int]) -> tuple[Tensor, int]:
        """Token ids (R, context_length) int32 of a column's texts, and how many were truncated."""
        return self.read([self._texts.text(column, position) or "" for position in positions], f"{column}s")

    def _pixels(self, image: bytes | Path, position: int) -> Tensor:
        """(3, H, W) uint8. Raises BadImage."""
        wanted = max(self.image_size)
        if isinstance(image, bytes):
            return self.preprocessing.pixels(decode_bytes(image, wanted))
        return self.preprocessing.pixels(decode_file(image, self._texts.text("path", position), wanted))


class RowCache:
    """Gives out again what a RowLoader made of all rows of a split."""

    def __init__(self) -> None:
        self._usable: dict[int, tuple[Tensor, Tensor, Tensor | None]] = {}
        self._failures: dict[int, str] = {}

    def keep(self, loaded: LoadedRows) -> None:
        """Take these."""
        for place, row in enumerate(loaded.rows):
            explanation = None if loaded.explanations is None else loaded.explanations[place]
            self._usable[row] = (loaded.pixels[place], loaded.captions[place], explanation)
        self._failures.update(loaded.failures)

    def __getitem__(self, request: LoadRequest) -> LoadedRows:
        """As the RowLoader's. Raises KeyError for a row that is not here."""
        failures = [(row, self._failures[row]) for row in request.rows if row in self._failures]
        rows = [row for row in request.rows if row not in self._failures]
        pixels, captions, explanations = self._columns(rows)
        return LoadedRows(rows, pixels, captions, explanations, failures)

    def _columns(self, rows: list[int]) -> tuple[Tensor, Tensor, Tensor | None]:
        found = [self._usable[row] for row in rows] or [next(iter(self._usable.values()))]
        count = len(rows)  # 0: the shapes of another, without rows
        pixels = torch.stack([row[0] for row in found])[:count]
        captions = torch.stack([row[1] for row in found])[:count]
        explanations = [row[2] for row in found if row[2] is not None]
        return pixels, captions, torch.stack(explanations)[:count] if explanations else None
