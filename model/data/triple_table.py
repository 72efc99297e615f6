"""Provides the usable rows of a split from two memory-mapped files: one with texts, one with image locations.

Rows are numbered in the order of their ids, independently of the shards.
"""

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image
from torch import Tensor

from entityclip.contract.image_rules import decode_image
from model.data.mapped_file import MappedArray
from model.data.packed_images import PackedImages
from model.data.text_file import TextFile

ROW_INDEX = np.dtype(
    [
        ("text", np.int64),  # position of the row's texts in their file
        ("root", np.int32),  # index of the image root
        ("packed", np.bool_),  # whether a shard holds the image's bytes, located by the next three fields
        ("shard", np.int32),
        ("group", np.int32),  # row group in the shard
        ("row", np.int32),  # row within the group
        ("known_bad", np.bool_),  # the row's status says that the image cannot be used
    ]
)


class Triple(NamedTuple):
    """One usable row of a split."""

    id: str
    read_packed: Callable[[], bytes] | None  # reads the image's bytes if the shard holds them
    image_path: str | None  # relative to image_root
    image_root: Path
    caption: str
    topic: str | None
    explanation: str | None
    key: str

    def load_image(self) -> Image.Image:
        """Decode the image to RGB. Raises BadImage if it is unusable."""
        return decode_image(self.image_root, self.image_path, None if self.read_packed is None else self.read_packed())


class TripleTable(Sequence[Triple]):
    """The triples of a split by row number, read from the files on access.

    Pickling passes file descriptors to a worker process, so the amount of copied data does not grow with the split.

    Attributes:
        row_index: (N,) of dtype ROW_INDEX.
        roots: the image roots that `row_index` refers to.
        images: reader of the packed images.
    """

    def __init__(self, texts: TextFile, index: np.ndarray, roots: Sequence[Path], shards: Sequence[Path]) -> None:
        """Use `index` (N,) of dtype ROW_INDEX; its entries refer to `roots`, `shards` and `texts` by position."""
        self._texts, self.roots = texts, tuple(roots)
        self._index = MappedArray.of(index)
        self._explanations: MappedArray | None = None  # (N,) text positions, if explanations were replaced
        self.images = PackedImages(shards)

    @property
    def row_index(self) -> np.ndarray:
        return self._index.values

    def __len__(self) -> int:
        return len(self.row_index)

    @overload
    def __getitem__(self, row: int) -> Triple: ...

    @overload
    def __getitem__(self, row: slice) -> list[Triple]: ...

    def __getitem__(self, row: int | slice) -> Triple | list[Triple]:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        texts = {name: self.text(name, row) for name in ("id", "caption", "topic", "explanation", "key")}
        read = partial(self.images.read, *self.location(row)) if self.row_index["packed"][row] else None
        return Triple(image_path=self.text("path", row), image_root=self.image_root(row), read_packed=read, **texts)

    def text(self, column: str, row: int) -> Any:
        """Return a row's text in a column, or None if it is null. Raises IndexError if there is no such row."""
        return self._texts.text(column, int(self._positions(column)[row]))

    def column(self, name: str) -> "Column":
        """Return the texts of a column by row, read on access."""
        return Column(self, name)

    def image_root(self, row: int) -> Path:
        """Return the folder that a row's image path is relative to."""
        return self.roots[self.row_index["root"][row]]

    def packed_image(self, row: int) -> bytes | None:
        """Return the bytes of a row's image if the shard holds them, or None otherwise."""
        return self.images.read(*self.location(row)) if self.row_index["packed"][row] else None

    def location(self, row: int) -> tuple[int, int, int]:
        """Return a packed image's shard number, row group in the shard, and row in the group."""
        index = self.row_index[row]
        return int(index["shard"]), int(index["group"]), int(index["row"])

    def row_groups(self) -> np.ndarray:
        """Return the row group (N,) of each row, numbered in the order of the shards."""
        index = self.row_index
        return np.unique(index["shard"].astype(np.int64) << 32 | index["group"], return_inverse=True)[1]

    def with_explanations_of(self, donors: np.ndarray) -> "TripleTable":
        """Return a copy of the table where row i has the explanation and key of row `donors[i]`."""
        other = copy(self)
        other._explanations = MappedArray.of(self._positions("explanation")[donors])
        return other

    def groups(self, column: str, instead: str | None = None) -> Tensor:
        """Return each row's group number (N,) int64, numbered by first appearance; equal stripped texts form a group.

        A null text is replaced by the text in column `instead`. Texts are compared by 64-bit hashes, since a
        dictionary of a million texts takes a gigabyte; the probability of a collision among them is 3e-8.
        """
        hashes = []
        for batch in self._texts.table.to_batches():
            texts = pc.coalesce(batch.column(column), batch.column(instead or column))
            hashes += [np.fromiter((hash((text or "").strip()) for text in texts.to_pylist()), np.int64, len(texts))]
        return torch.from_numpy(_by_appearance(np.concatenate(hashes)[self._positions(column)]))

    def picture_groups(self) -> Tensor:
        """Return each row's group number (N,) int64; rows with equal image root and path (or bytes) share a number."""
        names = self.groups("path", instead="picture").numpy()
        return torch.from_numpy(_by_appearance(names * len(self.roots) + self.row_index["root"]))

    def _positions(self, column: str) -> np.ndarray:
        if column in ("explanation", "key") and self._explanations is not None:
            return self._explanations.values
        return self.row_index["text"]


class Column(Sequence[Any]):
    """One column of a TripleTable as a sequence."""

    def __init__(self, rows: TripleTable, name: str) -> None:
        self._rows, self._name = rows, name

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Any:  # type: ignore[override]  # no slices
        return self._rows.text(self._name, row)


def _by_appearance(codes: np.ndarray) -> np.ndarray:
    """Renumber codes (N,) in the order of their first appearance."""
    return pa.array(codes).dictionary_encode().indices.to_numpy().astype(np.int64)
