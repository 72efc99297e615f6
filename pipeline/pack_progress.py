"""How far packing is: a bar on a terminal, elsewhere a line every few seconds."""

import sys
import time
from typing import Self

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0


class PackProgress:
    """Rows packed of all, rows a second, and how long it still takes."""

    def __init__(self, rows: int) -> None:
        self._bar = tqdm(total=rows, desc="pack", unit=" rows", disable=None)
        self._total, self._rows, self._made = rows, 0, 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar.disable and self._made:
            self._say()
        self._bar.close()

    def passed_over(self, rows: int) -> None:
        """So many rows were packed by an earlier run."""
        self._rows += rows
        self._bar.total = (self._bar.total or 0) - rows
        self._bar.refresh()

    def packed(self, rows: int) -> None:
        """So many more are done."""
        self._rows += rows
        self._made += rows
        self._bar.update(rows)
        if self._bar.disable and time.monotonic() - self._said >= _SECONDS_BETWEEN_LINES:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        rate = self._made / max(self._said - self._began, 1e-3)
        left = (self._total - self._rows) / rate
        line = f"pack: {self._rows}/{self._total} rows, {rate:.0f} rows/s, {left:.0f} s left"
        print(line, file=sys.stderr, flush=True)
