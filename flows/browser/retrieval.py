"""Runs a retrieval query with every arm."""

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.browser.contents import Contents
from flows.browser.rows_page import Abandoned, Browse
from model.errors import ModelError
from model.runs import is_training_run, overview
from pipeline.errors import PipelineError
from pipeline.inspect.alike import ids_alike
from pipeline.inspect.query_process import QueryProcess

TOP = 10
_CAPTIONS_AN_IMAGE = 5  # if images have more pairs than this, fewer than TOP images may be shown
LONGEST_QUERY = 1_000  # characters


@dataclass(frozen=True)
class Hit:
    """A retrieved image; `row` is None if the explanations no longer contain it."""

    score: float
    id: str
    row: dict[str, Any] | None
    right: bool


@dataclass(frozen=True)
class Found:
    """The results of one arm.

    Attributes:
        kind: kind of run, such as "plain CLIP" (`RunOverview.kind`); empty for an index.
        rank: rank of the correct image among `candidates` pairs; None if no correct image is known for the query.
        problem: reason why there are no results.
    """

    name: str
    kind: str
    hits: tuple[Hit, ...] = ()
    candidates: int = 0
    rank: int | None = None
    remarks: tuple[str, ...] = ()
    problem: str | None = None


class Retrieval:
    """Retrieval with all arms. Models are loaded on first use and kept; queries are processed one at a time."""

    def __init__(self, contents: Contents, browse: Browse, queries: QueryProcess) -> None:
        self.runs = contents.runs
        self._summary = contents.summary
        self._browse, self._queries = browse, queries
        self._models: dict[str, Any] = {}
        self._lock = threading.Lock()

    def splits(self) -> list[str]:
        """Return the splits for which at least one arm has embeddings, in the order of the explanations' splits."""
        from model.search.gallery import splits_embedded  # imports torch, which takes seconds

        embedded: set[str] = set()
        for folder in self.runs.values():
            try:
                embedded |= set(splits_embedded(folder))
            except ModelError:
                continue  # a search with this arm reports the error
        return [split for split in self._summary.counts if split in embedded]

    def search(self, text: str, split: str, row: dict[str, Any] | None, abandoned: Abandoned) -> list[Found]:
        """Search for a text with every arm.

        Args:
            row: row whose image is the correct result; None if no correct result is known.

        Raises:
            PipelineError: the rows cannot be queried, or the client has disconnected.
        """
        right = set() if row is None else set(ids_alike(self._summary, row))
        with self._lock:
            answers = [self._ask(name, folder, text, split, right) for name, folder in self.runs.items()]
        ids = {row_id for _, scored in answers for _, row_id in scored}
        rows = self._browse.rows_of(self._queries.of_ids(sorted(ids), split, abandoned))
        return [replace(found, hits=_hits(scored, rows, right)) for found, scored in answers]

    def _ask(
        self, name: str, folder: Path, text: str, split: str, right: set[str]
    ) -> tuple[Found, list[tuple[float, str]]]:
        """Return an arm's results, with `hits` still empty, together with the scores and ids of the best pairs."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from model.search.gallery import load_model_behind, open_gallery
        from model.search.search import best_images, embed_queries, rank_of

        kind = overview(folder).kind if is_training_run(folder) else ""
        try:
            gallery = open_gallery(folder, split)
            if name not in self._models:
                self._models[name] = load_model_behind(folder)
            query, remarks = embed_queries(self._models[name], [text], [])
            scores, places = best_images(gallery.embeddings, query, TOP * _CAPTIONS_AN_IMAGE)
            ids = gallery.ids.take(pa.array(places[0].tolist())).to_pylist()
            right_places = pc.indices_nonzero(pc.is_in(gallery.ids, pa.array(sorted(right), pa.string()))).to_pylist()
            rank = rank_of(gallery.embeddings, query[0], right_places) if right_places else None
        except (ModelError, OSError) as error:
            return Found(name, kind, problem=str(error)), []
        if right and not right_places:
            remarks.append("the right image has no embedding")
        found = Found(name, kind, candidates=len(gallery.ids), rank=rank, remarks=tuple(remarks))
        return found, list(zip(scores[0].tolist(), ids, strict=True))


def _hits(scored: list[tuple[float, str]], rows: dict[str, dict[str, Any]], right: set[str]) -> tuple[Hit, ...]:
    """Return the best images without duplicates (several pairs may share an image)."""
    hits: dict[str, Hit] = {}
    for score, row_id in scored:
        row = rows.get(row_id)
        image = row_id if row is None else (row["image"] or {}).get("path") or row_id
        hits.setdefault(image, Hit(score, row_id, row, row_id in right))
    return tuple(hits.values())[:TOP]


def text_of(query: str, row: dict[str, Any] | None) -> str:
    """Return the caption of `row`, or `query` if `row` is None. Raises PipelineError if the query is too long."""
    text = (row["caption"] if row is not None else query).strip()
    if row is None and len(text) > LONGEST_QUERY:
        raise PipelineError(f"the query is longer than {LONGEST_QUERY:,} characters")
    return str(text)
