"""The gallery: some two hundred triples as they are in the shards."""

from dataclasses import dataclass
from pathlib import Path

from model.report.explanations import Explanations
from model.report.pictures import LARGE, Picture, picture_of_row
from model.report.sampling import sample

ROWS = 200


@dataclass(frozen=True)
class Card:
    """One triple; `split` and `status` are places in the gallery's lists of names."""

    id: str
    split: int
    status: int
    caption: str
    topic: str | None
    explanation: str | None
    raw_text: str | None
    error: str | None
    picture: Picture


@dataclass(frozen=True)
class Gallery:
    """Cards, the names of the splits and statuses that they have, and how many rows they were drawn from."""

    cards: list[Card]
    splits: list[str]
    statuses: list[str]
    total: int


def make_gallery(found: Explanations, image_root: Path | None = None) -> Gallery:
    """A seeded sample over splits and statuses, with pictures from `image_root`, or where the shards say they are."""
    rows = sample(found, ROWS)
    splits, statuses = (list(dict.fromkeys(str(row[name]) for row in rows)) for name in ("split", "status"))
    cards = [
        Card(
            id=str(row.get("id")),
            split=splits.index(str(row["split"])),
            status=statuses.index(str(row["status"])),
            caption=row.get("caption") or "",
            topic=row.get("topic"),
            explanation=row.get("explanation"),
            raw_text=row.get("raw_text"),
            error=row.get("error"),
            picture=picture_of_row(row, LARGE, image_root),
        )
        for row in rows
    ]
    return Gallery(cards, splits, statuses, found.counts.total())
