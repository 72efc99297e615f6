"""What occurs more than once, found by sorting digests: exact, and N log N however often it occurs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.checks.survey import NOTHING, Digests, Rows


@dataclass(frozen=True)
class Repeats:
    """Rows whose digest an earlier row has.

    Attributes:
        count: how many such rows.
        groups: the rows of what occurs most often, first row first, the largest groups first; as many as were asked.
        distinct: how many different digests occur at all.
    """

    count: int
    groups: list[list[int]]
    distinct: int


@dataclass(frozen=True)
class Leaks:
    """Rows whose digest also occurs in an earlier split.

    Attributes:
        rows: ascending; partners: for each of them, the first row with the digest in the earliest split that has it.
    """

    rows: Rows
    partners: Rows


def repeats(digests: Digests, rows: Rows, most: int) -> Repeats:
    """What occurs twice among these rows (ascending). `NOTHING` does not count."""
    rows = rows[digests[rows] != NOTHING]
    order = rows[np.argsort(digests[rows], kind="stable")]  # equal digests side by side, their rows ascending
    starts = _starts(digests[order])
    sizes = np.diff(np.append(starts, len(order)))
    several = np.flatnonzero(sizes > 1)
    largest = several[np.lexsort((order[starts[several]], -sizes[several]))][:most]
    groups = [order[starts[group] : starts[group] + sizes[group]].tolist() for group in largest]
    return Repeats(int(len(order) - len(starts)), groups, len(starts))


def later_rows(digests: Digests) -> Rows:
    """All rows whose digest an earlier row has, ascending."""
    first = np.unique(digests, return_index=True)[1]
    later = np.ones(len(digests), np.bool_)
    later[first] = False
    return np.flatnonzero(later)


def first_rows(digests: Digests) -> Rows:
    """For each different digest the first row that has it, ascending."""
    return np.sort(np.unique(digests, return_index=True)[1])


def leaks(digests: Digests, split: npt.NDArray[np.uint16]) -> Leaks:
    """Rows whose digest occurs in a split of a lower number. `NOTHING` does not count."""
    rows = np.flatnonzero(digests != NOTHING)
    order = rows[np.lexsort((rows, split[rows], digests[rows]))]
    starts = _starts(digests[order])
    partner = order[np.repeat(starts, np.diff(np.append(starts, len(order))))]
    leaking = split[order] > split[partner]
    order, partner = order[leaking], partner[leaking]
    ascending = np.argsort(order)
    return Leaks(order[ascending], partner[ascending])


def pairs_of_splits(found: Leaks, split: npt.NDArray[np.uint16]) -> Iterator[tuple[int, int, int]]:
    """For each two splits between which something leaks: the earlier, the later, and how many rows of the later."""
    sides = np.stack([split[found.partners], split[found.rows]], axis=1)
    for (earlier, later), count in zip(*np.unique(sides, axis=0, return_counts=True), strict=True):
        yield int(earlier), int(later), int(count)


def _starts(ordered: Digests) -> Rows:
    """Where a new value begins in an ordered array."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
