from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pipeline.checking.report import lengths_of


@given(st.lists(st.integers(2, 300), min_size=1, max_size=300), st.integers(2, 300))
def test_percentiles_are_numpys(values: list[int], limit: int) -> None:
    found = lengths_of(Counter(values), limit)
    assert found is not None
    expected = np.percentile(values, [5, 50, 95, 99, 100], method="inverted_cdf").tolist()
    assert [found.p5, found.p50, found.p95, found.p99, found.longest] == expected
    assert found.mean == pytest.approx(np.mean(values))
    assert (found.texts, found.over_limit) == (len(values), sum(value > limit for value in values))


def test_no_texts_have_no_lengths() -> None:
    assert lengths_of(Counter(), 77) is None
