"""Against comparing everything with everything."""

import numpy as np
from hypothesis import given, strategies as st

from pipeline.checking.repeats import first_rows, later_rows, leaks, pairs_of_splits, repeats

_VALUES = st.lists(st.tuples(st.integers(-2, 3), st.integers(0, 2)), max_size=30)


@given(_VALUES, st.integers(0, 4))
def test_repeats_are_those_of_a_loop(values: list[tuple[int, int]], most: int) -> None:
    digests = np.array([value for value, _ in values], np.int64)
    rows = np.array([row for row, (_, chosen) in enumerate(values) if chosen], np.int64)
    by_value: dict[int, list[int]] = {}
    for row in rows.tolist():
        if values[row][0]:
            by_value.setdefault(values[row][0], []).append(row)
    found = repeats(digests, rows, most)
    assert found.distinct == len(by_value)
    assert found.count == sum(len(group) - 1 for group in by_value.values())
    groups = sorted((g for g in by_value.values() if len(g) > 1), key=lambda g: (-len(g), g[0]))
    assert found.groups == groups[:most]


@given(_VALUES)
def test_leaks_are_those_of_a_loop(values: list[tuple[int, int]]) -> None:
    digests = np.array([value for value, _ in values], np.int64)
    split = np.array([number for _, number in values], np.uint16)
    expected = {}
    for row, (value, number) in enumerate(values):
        lower = [(n, other) for other, (v, n) in enumerate(values) if v == value and n < number]
        if value and lower:
            expected[row] = min(lower)[1]
    found = leaks(digests, split)
    assert dict(zip(found.rows.tolist(), found.partners.tolist(), strict=True)) == expected
    assert found.rows.tolist() == sorted(expected)
    sides = [(values[partner][1], values[row][1]) for row, partner in expected.items()]
    assert pairs_of_splits(found, split) == {side: sides.count(side) for side in sides}


@given(st.lists(st.integers(-3, 3), max_size=20))
def test_first_and_later_rows(values: list[int]) -> None:
    digests = np.array(values, np.int64)
    first = [row for row, value in enumerate(values) if value not in values[:row]]
    assert first_rows(digests).tolist() == first
    assert later_rows(digests).tolist() == sorted(set(range(len(values))) - set(first))
