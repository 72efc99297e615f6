"""Gallery of up to 200 (image, caption, explanation) triples, shown as stored in the shards."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from model.report.explanations import Explanations, read_rows
from model.report.pictures import LARGE, Picture, picture_of_row

_AT_LEAST = 5  # rows of each split and status, if available
ROWS = 200


def sample(found: Explanations, count: int) -> list[dict[str, Any]]:
    """Return at most `count` rows, ordered by split and id; the sample does not depend on how rows are sharded."""
    share = quotas(found.counts, count)
    places = [place for kind, number in share.items() for place in found.places[kind][:number]]
    return sorted(read_rows(places), key=lambda row: (row["split"], str(row["id"])))


def quotas(counts: Counter[tuple[str, str]], total: int) -> dict[tuple[str, str], int]:
    """Allocate `total` rows by split and status: a few each, rarest first, then in proportion to the rows remaining."""
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
    for kind in reversed(kinds):  # rows left by rounding go to the most frequent
        share[kind] += min(counts[kind] - share[kind], total - sum(share.values()))
    return share


class Card(NamedTuple):
    """A row from `read_rows`; `split` and `status` are indices into the gallery's lists of names."""

    row: dict[str, Any]
    split: int
    status: int
    picture: Picture


class Gallery(NamedTuple):
    """Cards, the names of their splits and statuses, and the number of rows they were sampled from."""

    cards: list[Card]
    splits: list[str]
    statuses: list[str]
    total: int


def make_gallery(found: Explanations, image_root: Path | None = None) -> Gallery:
    """Sample rows across splits and statuses. `image_root` overrides the image folder recorded in the shards."""
    rows = sample(found, ROWS)
    splits, statuses = (list(dict.fromkeys(str(row[name]) for row in rows)) for name in ("split", "status"))
    cards = [
        Card(
            row,
            splits.index(str(row["split"])),
            statuses.index(str(row["status"])),
            picture_of_row(row, LARGE, image_root),
        )
        for row in rows
    ]
    return Gallery(cards, splits, statuses, found.counts.total())
