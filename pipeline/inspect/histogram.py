"""Exact histograms of integers, from row counts by value."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

_BINS = 12
_MOST_BINS = 16
_QUANTILES = (0.05, 0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Bin:
    """Number of rows with values from `low` to `high` inclusive; the last bin of a long tail has no `high`."""

    low: int
    high: int | None
    rows: int


@dataclass(frozen=True)
class Histogram:
    """Exact statistics of a column of integers.

    Attributes:
        rows: rows with a value; unknown: rows without.
        quantiles: by share, the smallest value that this share of the rows does not exceed.
        over: rows above `context`, if given.
    """

    rows: int
    unknown: int
    least: int
    mean: float
    most: int
    quantiles: dict[float, int]
    bins: tuple[Bin, ...]
    context: int | None = None
    over: int | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return a dict for JSON."""
        plain = {
            "rows": self.rows,
            "unknown": self.unknown,
            "min": self.least,
            "mean": round(self.mean, 3),
            "max": self.most,
            **{f"p{round(100 * share):02d}": value for share, value in self.quantiles.items()},
            "bins": [{"from": bin.low, "to": bin.high, "rows": bin.rows} for bin in self.bins],
        }
        if self.context is not None:
            plain |= {"context": self.context, "over_context": self.over}
        return plain


def histogram(tally: Counter[int | None], context: int | None = None) -> Histogram | None:
    """Build a histogram from row counts by value; None if no row has a value."""
    values = sorted(value for value in tally if value is not None)
    if not values:
        return None
    sums = list(accumulate(tally[value] for value in values))
    rows = sums[-1]
    quantiles = {share: values[bisect_left(sums, share * rows)] for share in _QUANTILES}
    return Histogram(
        rows=rows,
        unknown=tally[None],
        least=values[0],
        mean=sum(value * tally[value] for value in values) / rows,
        most=values[-1],
        quantiles=quantiles,
        bins=_bins(values, tally, quantiles[0.99]),
        context=context,
        over=None if context is None else sum(tally[value] for value in values if value > context),
    )


def _bins(values: list[int], tally: Counter[int | None], high: int) -> tuple[Bin, ...]:
    """Return bins of equal, round width up to `high`; values far above it share a last, open one."""
    width = _round_width((high - values[0] + 1) / _BINS)
    first = values[0] // width
    last = values[-1] // width
    if last - first >= _MOST_BINS:
        last = high // width
    counts: Counter[int] = Counter()
    for value in values:
        counts[min(value // width, last + 1)] += tally[value]
    bins = [Bin(n * width, (n + 1) * width - 1, counts[n]) for n in range(first, last + 1)]
    if counts[last + 1]:
        bins.append(Bin((last + 1) * width, None, counts[last + 1]))
    return tuple(bins)


def _round_width(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is not below `least`."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= least:
                return step * power
        power *= 10
