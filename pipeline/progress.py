"""Progress of long steps on stderr: a bar on a terminal, otherwise a line every few seconds."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Snapshot:
    """Units and tokens done, the total if known, and the seconds since the first `first` units."""

    unit: str
    done: int
    total: int | None
    first: int
    tokens: int
    seconds: float

    def __str__(self) -> str:
        # The clock starts with the first units, because setup such as loading a tokenizer precedes them.
        rate = (self.done - self.first or self.done) / self.seconds
        parts = [f"{self.done:,}{'' if self.total is None else f'/{self.total:,}'} {self.unit}"]
        parts.append(f"{rate:,.0f} {self.unit}/s")
        if self.tokens:
            parts.append(f"{self.tokens / self.seconds:,.0f} tokens/s")
        if self.total is not None and rate:
            parts.append(f"{(self.total - self.done) / rate:,.0f} s left")
        return ", ".join(parts)


class Progress:
    """Counts the units of a step, with their rate and, if the total is known, the time left. Thread-safe.

    Without `bar` there are lines only, for a step with a bar of its own; with `final` there is also a line at the end.
    """

    def __init__(
        self, step: str, unit: str, total: int | None = None, *, bar: bool = True, final: bool = False
    ) -> None:
        self._lines = not sys.stderr.isatty()
        hidden = self._lines or not bar
        self._bar = tqdm(total=total, desc=step, unit=f" {unit}", disable=hidden, delay=1.0, dynamic_ncols=True)
        self._lock = threading.Lock()
        self._step, self._unit, self._total, self._final = step, unit, total, final
        self._done = self._first = self._tokens = 0
        self._began = self._reported = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._lines and self._final and self._done:
            self._report(time.monotonic())
        self._bar.close()

    def skip(self, units: int) -> None:
        """Subtract units from the total that turn out not to need work."""
        with self._lock:
            self._total = self._bar.total = (self._total or 0) - units

    def add(self, units: int = 1, tokens: int = 0) -> None:
        """Count finished units and their tokens."""
        with self._lock:
            now = time.monotonic()
            self._done += units
            self._tokens += tokens
            if not self._began:
                self._began, self._reported, self._first = now, now, self._done
            if self._tokens and not self._bar.disable:
                self._bar.set_postfix_str(f"{self._tokens / max(now - self._began, 1e-3):.0f} tokens/s", refresh=False)
            self._bar.update(units)
            if self._lines and now - self._reported >= _SECONDS_BETWEEN_LINES:
                self._report(now)

    def over(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the items, counting each when the next one is requested."""
        for item in items:
            yield item
            self.add()

    def now(self) -> Snapshot:
        """Return the current state."""
        return self._snapshot(time.monotonic())

    def _snapshot(self, now: float) -> Snapshot:
        seconds = max(now - self._began, 1e-3) if self._began else 1e-3
        return Snapshot(self._unit, self._done, self._total, self._first, self._tokens, seconds)

    def _report(self, now: float) -> None:
        self._reported = now
        print(f"{self._step}: {self._snapshot(now)}", file=sys.stderr, flush=True)
