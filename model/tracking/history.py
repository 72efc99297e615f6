"""A run's metrics in bounded memory: exact at first, then in coarser bins as the run gets longer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from model.tracking.trackers import as_scalars


@dataclass
class Bin:
    """Aggregated values of neighbouring steps."""

    count: int = 0
    total: float = 0.0
    steps: int = 0  # sum of the steps
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, other: "Bin") -> None:
        """Merge another bin into this one."""
        self.count += other.count
        self.total += other.total
        self.steps += other.steps
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)


class History:
    """Mean, minimum and maximum of each metric over the steps, in at most `most_bins` bins of equal width."""

    def __init__(self, most_bins: int = 1000) -> None:
        self._most, self._width = most_bins, 1
        self._bins: dict[str, dict[int, Bin]] = {}

    def add(self, step: int, scalars: dict[str, float]) -> None:
        """Add the scalars logged at a step."""
        while step // self._width >= self._most:
            self._halve()
        for name, value in scalars.items():
            bins = self._bins.setdefault(name, {})
            bins.setdefault(step // self._width, Bin()).add(Bin(1, value, step, value, value))

    def names(self, prefix: str) -> list[str]:
        """List the metric names with this prefix, in order of first appearance."""
        return [name for name in self._bins if name.startswith(prefix)]

    def bins(self, name: str) -> list[Bin]:
        """Return a metric's bins in the order of steps; empty for an unknown name."""
        return [bin_ for _, bin_ in sorted(self._bins.get(name, {}).items())]

    def _halve(self) -> None:
        self._width *= 2
        for name, bins in self._bins.items():
            merged: dict[int, Bin] = {}
            for index, bin_ in bins.items():
                merged.setdefault(index // 2, Bin()).add(bin_)
            self._bins[name] = merged


def history_of(lines: Iterable[dict[str, Any]]) -> History:
    """Build the history from the lines of a log."""
    history = History()
    for line in lines:
        history.add(line["step"], dict(as_scalars(line)))
    return history
