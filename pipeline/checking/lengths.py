"""Exact percentiles of token lengths, from counts by length in bounded memory."""

from collections import Counter
from itertools import accumulate

from pipeline.checking.report import Lengths


def lengths_of(counts: Counter[int], limit: int) -> Lengths | None:
    """Return percentiles, and how many texts exceed `limit`; None if there are no texts.

    Args:
        counts: number of texts by length in tokens.
    """
    texts = counts.total()
    if not texts:
        return None
    ordered = sorted(counts)
    upto = list(accumulate(counts[length] for length in ordered))

    def percentile(p: int) -> int:
        return next(length for length, texts_upto in zip(ordered, upto, strict=True) if 100 * texts_upto >= p * texts)

    return Lengths(
        texts=texts,
        mean=sum(length * count for length, count in counts.items()) / texts,
        p5=percentile(5),
        p50=percentile(50),
        p95=percentile(95),
        p99=percentile(99),
        longest=ordered[-1],
        limit=limit,
        over_limit=sum(count for length, count in counts.items() if length > limit),
    )
