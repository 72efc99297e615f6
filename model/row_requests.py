"""From row numbers to what a worker needs to load them, and where the rows lie."""

import numpy as np

from model.errors import ModelError
from model.packed_images import PackedImages
from model.row_loader import Request
from model.row_store import RowStore

CHUNK = 64  # rows that a worker loads at a time


class RowRequests:
    """Requests for rows of a store.

    Attributes:
        are_packed: whether images lie in the shards, so that reading in any order would read row groups many times.
    """

    def __init__(self, rows: RowStore) -> None:
        """Raises ModelError if an image root is missing."""
        self._rows = rows
        places = rows.places
        self.are_packed = bool(places.packed.any())
        for root in {rows.roots[number] for number in np.unique(places.root[~places.packed])}:
            if not root.is_dir():
                raise ModelError(f"no image root at {root}; set data.image_root to where the images are")

    def of(self, rows: list[int], images: PackedImages | None) -> Request:
        """The request for some rows; packed images are read here, by `images` (None: they are not needed)."""
        store, places = self._rows, self._rows.places
        return Request(
            rows,
            store.order[rows].tolist(),
            store.told[rows].tolist(),
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
