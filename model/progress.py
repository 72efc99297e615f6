"""What a person sees while a model trains."""

import sys
import time

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """A bar with loss terms, samples/s and ETA on a terminal; elsewhere a line every few seconds, on stderr."""

    def __init__(self, steps: int, batch_size: int) -> None:
        self._steps, self._batch_size = steps, batch_size
        self._bar = tqdm(total=steps, desc="training", unit="step", disable=None)
        self._began = self._said = time.monotonic()

    def step(self, done: int, losses: dict[str, float]) -> None:
        """Show that `done` steps are behind us."""
        now = time.monotonic()
        rate = done * self._batch_size / max(now - self._began, 1e-9)
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self._bar.set_postfix_str(f"{terms}, {rate:.0f} samples/s", refresh=False)
        self._bar.update()
        if self._bar.disable and (now - self._said >= _SECONDS_BETWEEN_LINES or done == self._steps):
            self._said = now
            left = (self._steps - done) * self._batch_size / rate
            self.say(f"step {done}/{self._steps}: {terms}, {rate:.0f} samples/s, {left:.0f} s left")

    def say(self, line: str) -> None:
        """Print a line without tearing the bar."""
        tqdm.write(line, file=sys.stderr)

    def close(self) -> None:
        """End the bar."""
        self._bar.close()
