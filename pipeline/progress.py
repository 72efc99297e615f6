"""What a person sees while rows are generated: how many, how fast, how long still."""

import time
from typing import Self

from tqdm import tqdm

from pipeline.engines.protocol import Completion


class GenerationProgress:
    """A progress line with rows/s, ETA and tokens/s; silent where there is nothing to do.

    On a terminal it is redrawn; in a log it becomes one line every `log_seconds`.
    """

    def __init__(self, total: int, log_seconds: float = 10.0) -> None:
        self._bar = tqdm(total=total, desc="generate", unit=" rows", disable=total == 0)
        if not self._bar.disable and not self._bar.fp.isatty():
            self._bar.mininterval = log_seconds
        self._tokens = 0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.close()

    def add(self, completion: Completion) -> None:
        """Count one answer."""
        self._tokens += completion.completion_tokens or 0
        rate = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._bar.set_postfix_str(f"{rate:.0f} tokens/s", refresh=False)
        self._bar.update()
