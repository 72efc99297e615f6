"""Example queries with the images that each arm ranks first.

The queries are the captions on which the last arm gained most over the first, those on which it lost most, and a
random sample.
"""

import random
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from model.data.shards import SplitRows, read_split
from model.data.triple_table import Triple
from model.errors import ModelError
from model.evaluation.clusters import Groups
from model.evaluation.compare import Comparison, compare, load_embeddings
from model.evaluation.retrieval import ranks
from model.evaluation.saved_ranks import load_ranks
from model.report.pictures import SMALL, Picture, picture_of_triple
from model.report.sources import Sources

_EACH = 6
_ALONE = 12  # random queries for a single arm
_TOP = 5


class Hit(NamedTuple):
    """A retrieved image. It is `right` if its pair is the query's own, or has the query's picture or caption."""

    picture: Picture
    caption: str
    right: bool


class Found(NamedTuple):
    """One arm's result: the rank of the best correct image, and the top images."""

    rank: int
    hits: list[Hit]


class Query(NamedTuple):
    """A query caption, its own picture, and each arm's result."""

    triple: Triple
    picture: Picture
    arms: dict[str, Found]


class QuerySet(NamedTuple):
    """Queries selected by one rule; `how` describes the rule."""

    title: str
    how: str
    queries: list[Query]


class Examples(NamedTuple):
    """Query sets, or why there are none; for several arms, also a comparison of the last arm with the first."""

    sets: list[QuerySet]
    comparison: Comparison | None = None
    why_not: str = ""


def find_examples(sources: Sources, split: str, arms: list[str], *, partial: bool) -> Examples:
    """Select examples for the arms measured on a split.

    Raises ModelError if embeddings are missing, arms were evaluated on different pairs, or shards are unusable or have
    changed.
    """
    embeddings = {arm: load_embeddings(sources.arms[arm].location, split) for arm in arms}
    if sources.explanations is None:
        raise ModelError("the captions cannot be read without a folder of explanations; give one along with the runs")
    ids = embeddings[arms[-1]].ids
    if any(run.ids != ids for run in embeddings.values()):
        raise ModelError("the runs were evaluated on different pairs; evaluate all of them on the same shards")
    shards, rows = _evaluated(sources.explanations, sources.image_root, split, ids, partial)
    table, digest = shards.triples, shards.source.digest
    groups = Groups(image=table.picture_groups()[rows], caption=table.groups("caption")[rows])
    found = {}
    for arm, run in embeddings.items():
        of_run = sources.arms[arm]
        about = {"towers_sha256": str(of_run.evaluation.get("towers_sha256")), "shards_sha256": digest}
        found[arm] = load_ranks(of_run.location, split, ids, about) or ranks(run.image, run.text, groups)
    comparison = compare(found[arms[-1]], found[arms[0]], groups) if len(arms) > 1 else None
    by_arm = {arm: of_arm.text_to_image for arm, of_arm in found.items()}
    pictures: dict[int, Picture] = {}

    def picture(row: int) -> Picture:
        if row not in pictures:
            pictures[row] = picture_of_triple(table[rows[row]], SMALL)
        return pictures[row]

    def query(row: int) -> Query:
        arms = {}
        right = (groups["image"] == groups["image"][row]) | (groups["caption"] == groups["caption"][row])
        for arm, run in embeddings.items():
            scores = run.image @ run.text[row]
            first = scores.topk(min(_TOP, len(scores))).indices.tolist()
            hits = [Hit(picture(i), table[rows[i]].caption, bool(right[i])) for i in first]
            arms[arm] = Found(int(by_arm[arm][row]), hits)
        return Query(table[rows[row]], picture(row), arms)

    chosen = _chosen(by_arm, len(rows))
    return Examples([QuerySet(title, how, [query(row) for row in rows]) for title, how, rows in chosen], comparison)


def _evaluated(
    folder: Path, image_root: Path | None, split: str, ids: list[str], partial: bool
) -> tuple[SplitRows, list[int]]:
    """Return the rows of a split, and the row numbers of the evaluated pairs."""
    shards = read_split(folder, split, statuses=None, image_root=image_root, allow_partial=partial)
    places = {row_id: place for place, row_id in enumerate(shards.triples.column("id"))}
    missing = [row_id for row_id in ids if row_id not in places]
    if missing:
        raise ModelError(f"{folder} lacks {len(missing):,} of the {len(ids):,} evaluated pairs")
    return shards, [places[row_id] for row_id in ids]


def _chosen(by_arm: dict[str, Tensor], count: int) -> list[tuple[str, str, list[int]]]:
    """Return the title, selection rule and row numbers of each non-empty set of queries."""
    if len(by_arm) == 1:
        drawn = random.Random(0).sample(range(count), min(_ALONE, count))
        return [("At random", "A random sample with a fixed seed.", sorted(drawn))]
    (baseline, before), *_, (ours, after) = by_arm.items()
    # by reciprocal rank, since a move from 6 to 1 matters more to users than one from 560 to 240
    gained = (1 / after.double() - 1 / before.double()).tolist()
    order = sorted(range(count), key=lambda row: (-gained[row], row))
    best = [row for row in order[:_EACH] if gained[row] > 0]
    worst = [row for row in order[::-1][:_EACH] if gained[row] < 0]
    left = sorted(set(range(count)) - {*best, *worst})
    drawn = random.Random(0).sample(left, min(_EACH, len(left)))
    sets = [
        ("Biggest gains", f"Queries where {ours} gained most over {baseline}, by 1 / rank of the right image.", best),
        ("Biggest losses", f"Queries where {ours} lost most to {baseline}, by 1 / rank of the right image.", worst),
        ("At random", "A random sample of the other queries, with a fixed seed.", sorted(drawn)),
    ]
    return [(title, how, rows) for title, how, rows in sets if rows]
