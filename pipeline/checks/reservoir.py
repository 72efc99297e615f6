"""A uniform sample of a stream whose length is not known beforehand."""

import random
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Reservoir(Generic[_Item]):
    """A seeded sample (reservoir sampling)."""

    def __init__(self, size: int) -> None:
        self.items: list[_Item] = []
        self._size = size
        self._seen = 0
        self._rng = random.Random(0)

    def add(self, item: _Item) -> None:
        """Perhaps keep an item."""
        self._seen += 1
        if len(self.items) < self._size:
            self.items.append(item)
        elif (place := self._rng.randrange(self._seen)) < self._size:
            self.items[place] = item
