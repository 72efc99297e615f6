"""Computes exact percentiles of token lengths in bounded memory, from the number of texts of each length."""

from collections import Counter

import numpy as np

from pipeline.checking.report import Lengths


def lengths_of(counts: Counter[int], limit: int) -> Lengths | None:
    """Return percentiles of the lengths, and the number of texts longer than `limit`; None if there are no texts.

    Args:
        counts: number of texts of each length in tokens.
    """
    if not counts.total():
        return None
    lengths, texts = np.array(sorted(counts.items())).T
    p5, p50, p95, p99 = np.quantile(lengths, (0.05, 0.5, 0.95, 0.99), weights=texts, method="inverted_cdf").tolist()
    return Lengths(
        texts=counts.total(),
        mean=float(lengths @ texts / texts.sum()),
        p5=p5,
        p50=p50,
        p95=p95,
        p99=p99,
        longest=int(lengths[-1]),
        limit=limit,
        over_limit=int(texts[lengths > limit].sum()),
    )
