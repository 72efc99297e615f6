"""What a person sees while rows are generated: how many, how fast, how long still."""

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
    """How far generation is: answers of so many requests, tokens of the answers, seconds since the first."""

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
    """A bar with rows/s, tokens/s and ETA on a terminal; elsewhere a line every few seconds, on stderr.

    The total begins as the number of pairs and shrinks as buckets turn out to need fewer requests.
    """

    def __init__(self, pairs: int) -> None:
        self._bar = tqdm(total=pairs, desc="generate", unit=" rows", disable=None, delay=1.0)
        self._lock = threading.Lock()  # buckets report from several threads
        self._total = pairs
        self._rows = self._tokens = 0
        self._began: float | None = None
        self._said = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._rows and self._bar.disable:
            self._say()
        self._bar.close()

    def divided(self, pairs: int, requests: int) -> None:
        """A bucket of so many pairs needs so many requests."""
        with self._lock:
            self._total -= pairs - requests
            self._bar.total = self._total

    def answered(self, completion: Completion) -> None:
        """Count one answer."""
        with self._lock:
            now = time.monotonic()
            if self._began is None:
                self._began = self._said = now
            self._rows += 1
            self._tokens += completion.completion_tokens or 0
            if not self._bar.disable:
                rate = self._tokens / max(now - self._began, 1e-3)
                self._bar.set_postfix_str(f"{rate:.0f} tokens/s", refresh=False)
                self._bar.update()
            if self._bar.disable and now - self._said >= _SECONDS_BETWEEN_LINES:
                self._said = now
                self._say()

    def now(self) -> Progressed:
        """How far it is."""
        seconds = 0.0 if self._began is None else time.monotonic() - self._began
        return Progressed(self._rows, self._total, self._tokens, max(seconds, 1e-3))

    def _say(self) -> None:
        print(f"generate: {self.now()}", file=sys.stderr, flush=True)
