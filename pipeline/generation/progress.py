"""Progress of generation: rows done, rates, and time left."""

import sys
import threading
import time
from dataclasses import dataclass
from typing import Self

from tqdm import tqdm

from pipeline.engines.base import Completion

_SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True)
class Progressed:
    """A snapshot of progress: `rows` of `total` requests answered, tokens of the answers, seconds since the first."""

    rows: int
    total: int
    tokens: int
    seconds: float

    def __str__(self) -> str:
        left = (self.total - self.rows) * self.seconds / max(self.rows, 1)
        return (
            f"{self.rows}/{self.total} rows, {self.rows / self.seconds:.0f} rows/s, "
            f"{self.tokens / self.seconds:.0f} tokens/s, {left:.0f} s left"
        )


class GenerationProgress:
    """A progress bar with rows/s, tokens/s and ETA on a terminal; otherwise a line on stderr every few seconds.

    The total starts as the number of pairs and shrinks when a bucket needs fewer requests.
    """

    def __init__(self, pairs: int) -> None:
        self._bar = tqdm(total=pairs, desc="generate", unit=" rows", disable=None, delay=1.0)
        self._lock = threading.Lock()  # buckets report from several threads
        self._total = pairs
        self._rows = self._tokens = 0
        self._began: float | None = None
        self._reported = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._rows and self._bar.disable:
            self._report()
        self._bar.close()

    def divided(self, pairs: int, requests: int) -> None:
        """Adjust the total for a bucket of `pairs` that needs `requests`."""
        with self._lock:
            self._total -= pairs - requests
            self._bar.total = self._total

    def answered(self, completion: Completion) -> None:
        """Count one answer."""
        with self._lock:
            now = time.monotonic()
            if self._began is None:
                self._began = self._reported = now
            self._rows += 1
            self._tokens += completion.completion_tokens or 0
            if not self._bar.disable:
                rate = self._tokens / max(now - self._began, 1e-3)
                self._bar.set_postfix_str(f"{rate:.0f} tokens/s", refresh=False)
                self._bar.update()
            if self._bar.disable and now - self._reported >= _SECONDS_BETWEEN_LINES:
                self._reported = now
                self._report()

    def now(self) -> Progressed:
        """Return a snapshot."""
        seconds = 0.0 if self._began is None else time.monotonic() - self._began
        return Progressed(self._rows, self._total, self._tokens, max(seconds, 1e-3))

    def _report(self) -> None:
        print(f"generate: {self.now()}", file=sys.stderr, flush=True)
