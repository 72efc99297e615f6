"""Which rows a page shows: every split and status, however rare, and the rest by how many they are."""

from collections import Counter
from typing import Any

from model.report.explanations import Explanations, read_rows

_AT_LEAST = 5  # rows of each split and status, if there are as many


def sample(found: Explanations, count: int) -> list[dict[str, Any]]:
    """At most so many rows, the same every time and however they are cut into shards; in the order of split and id."""
    share = quotas(found.counts, count)
    places = [place for kind, number in share.items() for place in found.places[kind][:number]]
    return sorted(read_rows(places), key=lambda row: (row["split"], str(row["id"])))


def quotas(counts: Counter[tuple[str, str]], total: int) -> dict[tuple[str, str], int]:
    """How many rows of each split and status: some of each, the rarest first, then by their share of the rest."""
    kinds = sorted(counts, key=lambda kind: (counts[kind], kind))
    least = max(1, min(_AT_LEAST, total // max(1, len(kinds))))
    share: dict[tuple[str, str], int] = {}
    for kind in kinds:
        share[kind] = min(counts[kind], least, total - sum(share.values()))
    left = total - sum(share.values())
    rest = {kind: counts[kind] - share[kind] for kind in kinds}
    of = sum(rest.values())
    for kind in kinds:
        share[kind] += min(rest[kind], left * rest[kind] // of) if of else 0
    for kind in reversed(kinds):  # what rounding left, to the most frequent
        share[kind] += min(counts[kind] - share[kind], total - sum(share.values()))
    return share
