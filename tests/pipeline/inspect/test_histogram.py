from collections import Counter

import numpy as np
from hypothesis import given, strategies as st

from pipeline.inspect.histogram import histogram

_VALUES = st.one_of(st.integers(0, 200), st.integers(0, 5), st.integers(0, 2**31 - 1))


@given(st.lists(st.one_of(st.none(), _VALUES), min_size=1, max_size=300), st.integers(0, 300))
def test_it_is_what_numpy_says_of_every_value(values: list[int | None], context: int) -> None:
    found = histogram(Counter(values), context)
    known = [value for value in values if value is not None]
    if not known:
        assert found is None
        return
    assert found is not None
    assert (found.rows, found.unknown) == (len(known), len(values) - len(known))
    assert (found.least, found.most) == (min(known), max(known)) and np.isclose(found.mean, np.mean(known))
    for share, value in found.quantiles.items():
        assert value == np.quantile(known, share, method="inverted_cdf")
    assert found.over == sum(value > context for value in known)

    assert 1 <= len(found.bins) <= 20
    for bin in found.bins:
        assert bin.rows == sum(bin.low <= value and (bin.high is None or value <= bin.high) for value in known)
    assert sum(bin.rows for bin in found.bins) == len(known)
    assert all(after.low == before.high + 1 for before, after in zip(found.bins, found.bins[1:], strict=False))
    widths = {bin.high - bin.low + 1 for bin in found.bins if bin.high is not None}
    assert len(widths) == 1 and str(widths.pop()).rstrip("0") in ("1", "2", "5")
