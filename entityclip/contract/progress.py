"""Shows the progress of long steps on stderr: a bar on a terminal, otherwise a line every few seconds."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0
_Item = TypeVar("_Item")


class Progress(AbstractContextManager["Progress"]):
    """Counts a step's finished units, and shows rates and, if the total is known, the time left. Thread-safe.

    Args:
        total: expected number of units.
        bar: False if the step shows its own bar on a terminal.
        last_line: also print a line at the end, unless stderr is a terminal.
    """

    def __init__(
        self, step: str, unit: str, total: int | None = None, *, bar: bool = True, last_line: bool = False
    ) -> None:
        self.total, self.done = total, 0
        self._step, self._unit = step, unit
        self._lines, self._last_line = not sys.stderr.isatty(), last_line
        shown = bar and not self._lines
        self._bar = tqdm(total=total, desc=step, unit=f" {unit}", disable=not shown, delay=1.0, dynamic_ncols=True)
        self._lock = threading.Lock()
        self._began = self._printed = 0.0
        self._first = 0
        self._others: Counter[str] = Counter()

    def __exit__(self, *error: object) -> None:
        if self._lines and self._last_line and self.done:
            self._print(time.monotonic())
        self._bar.close()

    def add(self, units: int = 1, **others: int) -> None:
        """Count finished units, and any other quantities to show rates for, such as `tokens=40`."""
        with self._lock:
            now = time.monotonic()
            self.done += units
            self._others.update(others)
            if not self._began:  # rates exclude the time before the first units, such as loading a tokenizer
                self._began, self._printed, self._first = now, now, self.done
            if others:
                self._bar.set_postfix_str(", ".join(self._other_rates(now)), refresh=False)
            self._bar.update(units)
            if self._lines and now - self._printed >= _SECONDS_BETWEEN_LINES:
                self._printed = now
                self._print(now)

    def reduce_total(self, units: int) -> None:
        """Subtract units from the total, for example those finished by an earlier run."""
        with self._lock:
            self.total = self._bar.total = (self.total or 0) - units

    def over(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the items, counting each item when the next is requested."""
        for item in items:
            yield item
            self.add()

    def __str__(self) -> str:
        """Return the current state as one line, such as `17/41 images, 2 images/s, 12 s left`."""
        return self._at(time.monotonic())

    def _at(self, now: float) -> str:
        rate = self._rate(now)
        rates = ", ".join([f"{rate:,.0f} {self._unit}/s", *self._other_rates(now)])
        if self.total is None:
            return f"{self.done:,} {self._unit}, {rates}"
        left = (self.total - self.done) / rate if rate else 0.0
        return f"{self.done:,}/{self.total:,} {self._unit}, {rates}, {duration(left)} left"

    def _rate(self, now: float) -> float:
        seconds = max(now - self._began, 1e-3)
        return (self.done - self._first or self.done) / seconds

    def _other_rates(self, now: float) -> list[str]:
        each = self._rate(now) / max(self.done, 1)
        return [f"{each * count:,.0f} {name}/s" for name, count in self._others.items()]

    def _print(self, now: float) -> None:
        print(f"{self._step}: {self._at(now)}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Format a duration given in seconds, for example as `45 s`, `12 min`, `3 h 05 min` or `6 d 4 h`."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
