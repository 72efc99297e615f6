"""The usable rows of a split: their texts in a file, in memory only what orders and locates them.

Rows are numbered in the order of their ids, whatever shards they are in.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow.compute as pc
import torch
from torch import Tensor

from model.data.packed_images import PackedImage, PackedImages
from model.data.text_file import TextFile

_TOLD = ("explanation", "key")


@dataclass(frozen=True, slots=True)
class Triple:
    """One usable row."""

    id: str
    packed: PackedImage | None  # where the image's bytes are, if the shard has them
    image_path: str | None  # relative to image_root
    image_root: Path
    caption: str
    topic: str | None
    explanation: str | None
    key: str


@dataclass(frozen=True)
class RowLocations:
    """Where rows come from, (N,) each: number of the image root, whether the image is packed, shard, group, row.

    `known_bad`: the shard's own status says that the image cannot be used.
    """

    root: np.ndarray
    packed: np.ndarray
    shard: np.ndarray
    group: np.ndarray
    row: np.ndarray
    known_bad: np.ndarray

    def at(self, positions: np.ndarray) -> "RowLocations":
        """The same for some rows, in that order."""
        return RowLocations(**{name: getattr(self, name)[positions] for name in self.__dataclass_fields__})


class TripleTable(Sequence[Triple]):
    """Triples by row number; one is read from the file when it is asked for.

    Attributes:
        order, explanation_order: (N,) position in `texts` of each row, and of the row whose explanation and key it has.
    """

    def __init__(
        self, texts: TextFile, order: np.ndarray, places: RowLocations, roots: Sequence[Path], shards: Sequence[Path]
    ) -> None:
        """Row i is row `order[i]` of `texts` and of `places`."""
        self.texts, self.roots = texts, tuple(roots)
        self.order = self.explanation_order = order
        self.places = places.at(order)
        self.images = PackedImages(shards)

    def __len__(self) -> int:
        return len(self.order)

    @overload
    def __getitem__(self, row: int) -> Triple: ...
    @overload
    def __getitem__(self, row: slice) -> list[Triple]: ...
    def __getitem__(self, row: int | slice) -> Triple | list[Triple]:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        places = self.places
        place = (int(places.shard[row]), int(places.group[row]), int(places.row[row]))
        return Triple(
            id=self.text("id", row),
            packed=PackedImage(self.images, *place) if places.packed[row] else None,
            image_path=self.text("path", row),
            image_root=self.roots[places.root[row]],
            caption=self.text("caption", row),
            topic=self.text("topic", row),
            explanation=self.text("explanation", row),
            key=self.text("key", row),
        )

    def text(self, column: str, row: int) -> Any:
        """One text of one row, None where it is null. Raises IndexError beyond the last row."""
        return self.texts.text(column, int(self._positions(column)[row]))

    def column(self, name: str) -> "Column":
        """The texts of a column by row, read when they are asked for."""
        return Column(self, name)

    def with_explanations_of(self, donors: np.ndarray) -> "TripleTable":
        """The same rows; row i has explanation and key of row `donors[i]`."""
        other = copy(self)
        other.explanation_order = self.explanation_order[donors]
        return other

    def groups(self, column: str, instead: str | None = None) -> Tensor:
        """(N,) int64, equal where the rows' texts are, white space around them apart; numbered as they first appear.

        Where a text is null, that of the column `instead` counts. Texts are compared by a hash of 64 bits, chunk by
        chunk, as a dictionary of a million texts takes a gigabyte: two of a million different ones are taken for
        equal with a probability of 3e-8.
        """
        hashes = []
        for batch in self.texts.batches:
            texts = batch.column(column)
            if instead is not None:
                texts = pc.coalesce(texts, batch.column(instead))
            hashes += [np.fromiter((hash((text or "").strip()) for text in texts.to_pylist()), np.int64, len(texts))]
        return torch.from_numpy(_by_appearance(np.concatenate(hashes)[self._positions(column)]))

    def picture_groups(self) -> Tensor:
        """(N,) int64, equal exactly where the image is: the path, or without one the bytes, below the same root."""
        names = self.groups("path", instead="picture").numpy()
        return torch.from_numpy(_by_appearance(names * len(self.roots) + self.places.root))

    def _positions(self, column: str) -> np.ndarray:
        return self.explanation_order if column in _TOLD else self.order


class Column(Sequence[Any]):
    """One column of a TripleTable as a sequence."""

    def __init__(self, rows: TripleTable, name: str) -> None:
        self._rows, self._name = rows, name

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        return self._rows.text(self._name, row)


def _by_appearance(codes: np.ndarray) -> np.ndarray:
    """The same partition, its parts numbered as they first appear."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
