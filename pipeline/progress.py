"""What a person sees while rows are generated: how many, how fast, how long still."""

import sys
import time
from typing import Self

from tqdm import tqdm

from pipeline.engines.protocol import Completion

_SECONDS_BETWEEN_LINES = 5.0


class GenerationProgress:
    """A bar with rows/s, tokens/s and ETA on a terminal; elsewhere a line every few seconds, on stderr."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._bar = tqdm(total=total, desc="generate", unit=" rows", disable=None if total else True)
        self._rows = self._tokens = 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.close()

    def add(self, completion: Completion) -> None:
        """Count one answer."""
        self._rows += 1
        self._tokens += completion.completion_tokens or 0
        now = time.monotonic()
        seconds = max(now - self._began, 1e-9)
        self._bar.set_postfix_str(f"{self._tokens / seconds:.0f} tokens/s", refresh=False)
        self._bar.update()
        if self._bar.disable and (now - self._said >= _SECONDS_BETWEEN_LINES or self._rows == self._total):
            self._said = now
            left = (self._total - self._rows) * seconds / self._rows
            print(
                f"generate: {self._rows}/{self._total} rows, {self._rows / seconds:.0f} rows/s, "
                f"{self._tokens / seconds:.0f} tokens/s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
