"""Images that cannot be used: their rows are passed over, they are named, and there is a limit."""

import math

from model.errors import ModelError

DEFAULT_LIMIT = 0.01  # share of the rows, see data.max_bad_images
_NAMED = 10


class BadImages(dict[str, str]):
    """Why an image cannot be used, by the id of its row."""

    def __init__(self, rows: int, limit: float, expected: int = 0) -> None:
        """Of `rows` rows the share `limit`, rounded up, may have a bad image, beside those `expected` to."""
        super().__init__()
        self._rows, self._limit, self._allowed = rows, limit, math.ceil(limit * rows) + expected

    def add(self, row_id: str, why: str) -> None:
        """One more, once. Raises ModelError beyond the limit."""
        if row_id in self:
            return
        self[row_id] = why
        if len(self) > self._allowed:
            raise ModelError(
                f"{len(self)} of {self._rows} images cannot be used, more than data.max_bad_images={self._limit:g} "
                f"allows; the last one, {row_id!r}: {why}. Is data.image_root right, and are all images there? If so, "
                "raise data.max_bad_images"
            )

    def lines(self) -> list[str]:
        """The first of them by name, and how many more there are."""
        named = [f"left out {row_id}: {why}" for row_id, why in list(self.items())[:_NAMED]]
        more = len(self) - len(named)
        return named + ([f"left out {more:,} more rows whose image cannot be used"] if more else [])
