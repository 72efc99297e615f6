"""How far a long step of a check is: a bar on a terminal, elsewhere a line every few seconds; always on stderr."""

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0
_Item = TypeVar("_Item")


class Progress:
    """Counts units of a step, with rate and, where the total is known, time left.

    With `bar` false only the lines: where the step itself has a bar on a terminal.
    """

    def __init__(self, step: str, unit: str, total: int | None = None, *, bar: bool = True) -> None:
        self._lines = not sys.stderr.isatty()
        shown = bar and not self._lines
        self._bar = tqdm(total=total, desc=step, unit=f" {unit}", disable=not shown, delay=1.0, dynamic_ncols=True)
        self._step, self._unit, self._total = step, unit, total
        self._done = self._first = 0
        self._began = self._said = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def add(self, units: int = 1) -> None:
        """So many more are done."""
        self._bar.update(units)
        if not self._lines:
            return
        now = time.monotonic()
        self._done += units
        if not self._began:  # what comes before the first, such as loading a tokenizer, says nothing of the rest
            self._began, self._said, self._first = now, now, self._done
        if now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            print(self._line(now - self._began), file=sys.stderr, flush=True)

    def over(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Count items as they pass."""
        for item in items:
            yield item
            self.add()

    def _line(self, seconds: float) -> str:
        rate = (self._done - self._first) / seconds
        if self._total is None:
            return f"{self._step}: {self._done:,} {self._unit}, {rate:,.0f}/s"
        left = (self._total - self._done) / rate
        return f"{self._step}: {self._done:,}/{self._total:,} {self._unit}, {rate:,.0f}/s, {left:,.0f} s left"
