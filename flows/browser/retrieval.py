"""Runs a retrieval query with every arm."""

import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.browser.contents import Contents
from flows.browser.rows_page import Abandoned, Browse
from flows.query_explanations import QueryExplanation
from model.errors import ModelError
from model.runs import is_training_run, overview
from pipeline.errors import PipelineError
from pipeline.inspect.alike import ids_alike
from pipeline.inspect.query_process import QueryProcess

TOP = 10
_CAPTIONS_AN_IMAGE = 5  # if images have more pairs than this, fewer than TOP images may be shown
LONGEST_QUERY, LONGEST_EXPLANATION = 1_000, 2_000  # characters that may be typed
LONGEST_READ = 10_000  # characters of a row's or an LLM's explanation: all segments are encoded at once


_Scored = list[tuple[float, str]]  # scores and ids of pairs, best first


@dataclass(frozen=True)
class Hit:
    """A retrieved image.

    Attributes:
        row: None if the explanations no longer contain it.
        before: its rank by the caption alone, if the query has an explanation and the image was found without it, too.
    """

    score: float
    id: str
    row: dict[str, Any] | None
    right: bool
    before: int | None = None


@dataclass(frozen=True)
class WithExplanation:
    """The results of an arm for the query together with its explanation.

    Attributes:
        weight: the weight of the explanation, and where it comes from, in words.
        rank: as that of `Found`.
    """

    weight: str
    rank: int | None = None
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True)
class Found:
    """The results of one arm.

    Attributes:
        kind: kind of run, such as "plain CLIP" (`RunOverview.kind`); empty for an index.
        rank: rank of the correct image among `candidates` pairs; None if no correct image is known for the query.
        problem: reason why there are no results.
        explained: results with the explanation, if there is one that the arm can read.
        no_reader: reason why the arm cannot read it.
    """

    name: str
    kind: str
    hits: tuple[Hit, ...] = ()
    candidates: int = 0
    rank: int | None = None
    remarks: tuple[str, ...] = ()
    problem: str | None = None
    explained: WithExplanation | None = None
    no_reader: str | None = None


class Retrieval:
    """Retrieval with all arms. Models are loaded on first use and kept; queries are processed one at a time."""

    def __init__(self, contents: Contents, browse: Browse, queries: QueryProcess) -> None:
        self.runs = contents.runs
        self._summary = contents.summary
        self._browse, self._queries = browse, queries
        self._models: dict[str, Any] = {}
        self._readers: dict[str, Any] = {}
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

    def can_explain(self) -> bool:
        """Return whether at least one arm names a text tower that reads explanations."""
        from model.search.explained import may_read_explanations

        for folder in self.runs.values():
            with suppress(ModelError):  # a search with this arm reports the error
                if may_read_explanations(folder):
                    return True
        return False

    def search(
        self,
        text: str,
        split: str,
        row: dict[str, Any] | None,
        abandoned: Abandoned,
        explanation: str | None = None,
    ) -> list[Found]:
        """Search for a text with every arm; if it has an explanation, also for both together.

        Args:
            row: row whose image is the correct result; None if no correct result is known.

        Raises:
            PipelineError: the rows cannot be queried, or the client has disconnected.
        """
        right = set() if row is None else set(ids_alike(self._summary, row))
        with self._lock:
            answers = [self._ask(name, folder, text, split, right, explanation) for name, folder in self.runs.items()]
        ids = {row_id for _, of_queries in answers for scored in of_queries for _, row_id in scored}
        rows = self._browse.rows_of(self._queries.of_ids(sorted(ids), split, abandoned))
        return [_with_hits(found, of_queries, rows, right) for found, of_queries in answers]

    def _ask(
        self, name: str, folder: Path, text: str, split: str, right: set[str], explanation: str | None
    ) -> tuple[Found, list[_Scored]]:
        """Return an arm's results, with `hits` still empty, and the scores and ids of the best pairs for each query.

        The second query is the text with its explanation, if the arm can read it.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import torch

        from model.search.gallery import load_model_behind, open_gallery
        from model.search.search import best_images, embed_queries, rank_of

        kind = overview(folder).kind if is_training_run(folder) else ""
        try:
            gallery = open_gallery(folder, split)
            if name not in self._models:
                self._models[name] = load_model_behind(folder)
            queries, remarks = embed_queries(self._models[name], [text], [])
            together, weight, no_reader = self._with_explanation(name, folder, queries, explanation)
            queries = torch.cat([queries, *together])
            scores, places = best_images(gallery.embeddings, queries, TOP * _CAPTIONS_AN_IMAGE)
            ids = [gallery.ids.take(pa.array(of_query)).to_pylist() for of_query in places.tolist()]
            right_places = pc.indices_nonzero(pc.is_in(gallery.ids, pa.array(sorted(right), pa.string()))).to_pylist()
            ranks = [rank_of(gallery.embeddings, one, right_places) if right_places else None for one in queries]
        except (ModelError, OSError) as error:
            return Found(name, kind, problem=str(error)), []
        if right and not right_places:
            remarks.append("the right image has no embedding")
        found = Found(name, kind, candidates=len(gallery.ids), rank=ranks[0], remarks=tuple(remarks))
        if together:
            found = replace(found, explained=WithExplanation(weight, ranks[1]))
        scored = [list(zip(*of_query, strict=True)) for of_query in zip(scores.tolist(), ids, strict=True)]
        return replace(found, no_reader=no_reader), scored

    def _with_explanation(
        self, name: str, folder: Path, query: Any, explanation: str | None
    ) -> tuple[list[Any], str, str | None]:
        """Return the query (1, D) with its explanation, if there is one, and its weight; or why it cannot be read."""
        if explanation is None:
            return [], "", None
        from model.search.explained import load_reader_behind, with_explanations

        try:
            if name not in self._readers:
                loaded = load_reader_behind(folder)
                same = (one for one in self._readers.values() if one.origin == loaded.origin)
                first = next(same, loaded)  # arms that started from the same towers share them in memory
                self._readers[name] = loaded._replace(towers=first.towers)
            reader = self._readers[name]
            together, _ = with_explanations(query, [explanation], reader.towers, reader.weight.alpha)
        except (ModelError, OSError) as error:
            return [], "", str(error)
        return [together], f"{reader.weight.alpha:g} ({reader.weight.how})", None


def _with_hits(found: Found, of_queries: list[_Scored], rows: dict[str, dict[str, Any]], right: set[str]) -> Found:
    if not of_queries:
        return found
    by_caption, *explained = (_hits(scored, rows, right) for scored in of_queries)
    found = replace(found, hits=tuple(by_caption.values()))
    if not explained or found.explained is None:
        return found
    rank = {image: number for number, image in enumerate(by_caption, start=1)}
    hits = tuple(replace(hit, before=rank.get(image)) for image, hit in explained[0].items())
    return replace(found, explained=replace(found.explained, hits=hits))


def _hits(scored: _Scored, rows: dict[str, dict[str, Any]], right: set[str]) -> dict[str, Hit]:
    """Return the best images, by what tells them apart, as several pairs may share an image."""
    hits: dict[str, Hit] = {}
    for score, row_id in scored:
        row = rows.get(row_id)
        image = row_id if row is None else (row["image"] or {}).get("path") or row_id
        hits.setdefault(image, Hit(score, row_id, row, row_id in right))
    return dict(list(hits.items())[:TOP])


def text_of(query: str, row: dict[str, Any] | None) -> str:
    """Return the caption of `row`, or `query` if `row` is None. Raises PipelineError if the query is too long."""
    text = (row["caption"] if row is not None else query).strip()
    if row is None and len(text) > LONGEST_QUERY:
        raise PipelineError(f"the query is longer than {LONGEST_QUERY:,} characters")
    return str(text)


def explanation_of(typed: str, query: str) -> str:
    """Return an explanation that was typed. Raises PipelineError if it is too long, or there is no query."""
    text = typed.replace("\r\n", "\n").strip()  # browsers send line breaks so
    if len(text) > LONGEST_EXPLANATION:
        raise PipelineError(f"the explanation is longer than {LONGEST_EXPLANATION:,} characters")
    if text and not query:
        raise PipelineError("an explanation needs a query that it explains")
    return text


def readable(explanation: QueryExplanation) -> QueryExplanation:
    """Return an explanation that was not typed, or that it is too long to be read."""
    if explanation.text is None or len(explanation.text) <= LONGEST_READ:
        return explanation
    return QueryExplanation(None, f"it is longer than {LONGEST_READ:,} characters", explanation.status)
