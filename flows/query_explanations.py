"""Explanations of text queries for `search` and `serve`: given by the user, or asked of a manifest's LLM."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from entityclip.contract.status import Status
from model import record_shapes
from model.errors import ModelError
from model.run_files import INDEX, read_record
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from model.search.index import Index

ACCEPTED = (Status.OK, Status.OVER_CONTEXT)


class QueryExplanation(NamedTuple):
    """An explanation that is used for a query, or why there is none.

    Attributes:
        status: the judge's, of an LLM's answer; otherwise empty.
    """

    text: str | None
    why_not: str = ""
    status: str = ""


def check_explanations(
    queries: Sequence[str], given: Sequence[str] | None, manifest: Path | None, alpha: float | None
) -> None:
    """Check the options of `search` that belong together, before anything slow.

    Raises ModelError for a combination that cannot be, PipelineError for a manifest that cannot be read.
    """
    if given and manifest is not None:
        raise ModelError("--explanation gives explanations and --explain asks an LLM for them; use one of the two")
    if given and len(given) != len(queries):
        raise ModelError(f"{len(given)} explanations for {len(queries)} text queries; give one --explanation per query")
    if manifest is not None and not queries:
        raise ModelError("--explain explains text queries; pass a text as well")
    if alpha is not None and not given and manifest is None:
        raise ModelError("--alpha is the weight of explanations: it needs --explanation or --explain")
    if manifest is not None:
        from pipeline.manifest.manifest import load_manifest

        load_manifest(manifest)


def check_way(index: Path, way: str) -> None:
    """Check that an index has images for a way to search, before anything slow. Raises ModelError if it has none."""
    if way == "towers":
        return
    about = read_record(index / INDEX, None, "rebuild the index", record_shapes.INDEX)
    if way not in (about.get("ways") or {}):
        of_run = ", of a run with method.one_sided" if way == "mmae" else ""
        raise ModelError(f"{index} has no images to search by {way}; build it with `index --explained`{of_run}")


def explanations_of(
    queries: Sequence[str], given: Sequence[str] | None, manifest: Path | None
) -> list[QueryExplanation] | None:
    """Return an explanation for each text query, or None if none were wanted.

    An LLM that cannot be reached costs only the explanations: the search is then by captions, which is said.
    """
    if given:
        return [QueryExplanation(text or None) for text in given]
    if manifest is None or not queries:
        return None
    try:
        return ask_llm(queries, manifest)
    except PipelineError as error:
        print(f"searching by captions alone, as the LLM cannot be asked: {visible(str(error))}", file=sys.stderr)
        return [QueryExplanation(None, "the LLM cannot be asked") for _ in queries]


def ask_llm(queries: Sequence[str], manifest: Path) -> list[QueryExplanation]:
    """Let a manifest's LLM explain text queries. Raises PipelineError if it cannot be asked."""
    from pipeline.generation.explain import explain

    rows = explain(list(queries), manifest)
    return [judged(row.explanation, row.status, row.error) for row in rows]


def judged(explanation: str | None, status: str, error: str | None) -> QueryExplanation:
    """Return the explanation of a row, or why it is not used: because of its status."""
    if explanation and status in ACCEPTED:
        return QueryExplanation(explanation, status=str(status))
    meaning = {str(one): one.meaning for one in Status}.get(status, "unknown status")
    return QueryExplanation(None, f"{status}: {error or meaning}", str(status))


def add_explanations(
    index: "Index",
    captions: Sequence[str],
    queries: "Tensor",
    explanations: Sequence[QueryExplanation],
    alpha: float | None,
    way: str = "towers",
    model: Path | None = None,
) -> tuple["Tensor", list[str]]:
    """Return the query vectors together with their explanations, and what there is to say about these.

    An explanation that hardly agrees with its query may be the LLM's invention, or about a name that training has not
    seen. It is used all the same, and this is said.

    Args:
        captions: the text queries.
        queries: their embeddings (Q, D) by the towers.
        way: one of `model.search.ways` that the index has (`check_way`); the vectors are (Q, D), by "both" (Q, 2 D).
        model: where the index's model is, if it was moved.

    Raises ModelError if the index has no text tower to read explanations with.
    """
    from model.evaluation.reader import weight_of
    from model.search.explained import by_experts, load_reader, with_explanations, with_explanations_beside

    texts = [one.text for one in explanations]
    about = dict(index.about.get("reader") or {})
    if way != "towers":
        about["alpha"] = index.about["ways"][way].get("alpha")
    elif not any(texts):
        return queries, ["no query has an explanation: searched by captions alone"]
    weight, how = weight_of(about, alpha)
    reader = load_reader(index, model)
    if way == "mmae":
        vectors, agreements = by_experts(index, captions, queries, texts, reader, weight, model)
    else:
        together = with_explanations_beside if way == "both" else with_explanations
        vectors, agreements = together(queries, texts, reader, weight)
    count = sum(cosine is not None for cosine in agreements)
    remarks = [f"{count} of {len(texts)} queries with an explanation, of weight {weight:g} ({how})"]
    low = about.get("low_agreement")
    for number, cosine in enumerate(agreements, 1):
        if low is not None and cosine is not None and cosine < low:
            remarks.append(
                f"query {number}: its explanation hardly agrees with it (cosine {cosine:.2f}; on validation, nine of "
                f"ten are above {low:.2f}): the explanation may be wrong, or training has not seen the name"
            )
    return vectors, remarks
