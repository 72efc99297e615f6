"""Exact histograms of integers, computed from the number of rows with each value."""

from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

_BINS = 12
_MOST_BINS = 16
_QUANTILES = (0.05, 0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Bin:
    """Number of rows with values from `low` to `high` inclusive; `high` is None for an open-ended last bin."""

    low: int
    high: int | None
    rows: int


@dataclass(frozen=True)
class Histogram:
    """Exact statistics of a column of integers.

    Attributes:
        rows: number of rows with a value.
        unknown: number of rows without a value.
        least, mean, most: minimum, mean and maximum of the values.
        quantiles: the smallest values that 5 %, 50 %, 95 % and 99 % of the rows do not exceed; the keys are fractions.
        over: number of rows with a value above `context`; None if `context` is None.
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
        """Return the statistics as a JSON-serialisable dict."""
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


def histogram(tally: Counter[Any], context: int | None = None) -> Histogram | None:
    """Build a histogram from the number of rows with each value; return None if no row has a value."""
    known = sorted((value, rows) for value, rows in tally.items() if value is not None)
    if not known:
        return None
    values, rows = np.array(known).T
    quantiles = np.quantile(values, _QUANTILES, weights=rows, method="inverted_cdf").tolist()
    return Histogram(
        rows=int(rows.sum()),
        unknown=tally[None],
        least=int(values[0]),
        mean=float(values @ rows / rows.sum()),
        most=int(values[-1]),
        quantiles=dict(zip(_QUANTILES, quantiles, strict=True)),
        bins=_bins(values, rows, quantiles[-1]),
        context=context,
        over=None if context is None else int(rows[values > context].sum()),
    )


def _bins(values: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], high: int) -> tuple[Bin, ...]:
    """Return bins of equal, round width up to `high`; values far above `high` share an open-ended last bin."""
    least = (high - int(values[0]) + 1) / _BINS
    width = next(step * 10**power for power in count() for step in (1, 2, 5) if step * 10**power >= least)
    first, last = int(values[0]) // width, int(values[-1]) // width
    if last - first >= _MOST_BINS:
        last = high // width
    counts = np.bincount(np.minimum(values // width, last + 1) - first, rows).astype(int).tolist()
    return tuple(Bin(n * width, (n + 1) * width - 1 if n <= last else None, c) for n, c in enumerate(counts, first))
