"""Explanations of text queries for `search`: given by the user, or asked of a manifest's LLM."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from entityclip.contract.status import Status
from model.errors import ModelError
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from model.search.index import Index

ACCEPTED = (Status.OK, Status.OVER_CONTEXT)


class QueryExplanation(NamedTuple):
    """An explanation that is used for a query, or why there is none."""

    text: str | None
    why_not: str = ""


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
    from pipeline.generation.explain import explain

    try:
        rows = explain(list(queries), manifest)
    except PipelineError as error:
        print(f"searching by captions alone, as the LLM cannot be asked: {visible(str(error))}", file=sys.stderr)
        return [QueryExplanation(None, "the LLM cannot be asked") for _ in queries]
    return [
        QueryExplanation(row.explanation)
        if row.explanation and row.status in ACCEPTED
        else QueryExplanation(None, f"{row.status}: {row.error or Status(row.status).meaning}")
        for row in rows
    ]


def add_explanations(
    index: "Index",
    queries: "Tensor",
    explanations: Sequence[QueryExplanation],
    alpha: float | None,
    model: Path | None = None,
) -> tuple["Tensor", str]:
    """Return the query vectors (Q, D) together with their explanations, and a line about their weight.

    Args:
        model: where the index's model is, if it was moved.

    Raises ModelError if the index has no text tower to read explanations with.
    """
    from model.evaluation.reader import weight_of
    from model.search.explained import load_reader, with_explanations

    texts = [one.text for one in explanations]
    if not any(texts):
        return queries, "no query has an explanation: searched by captions alone"
    weight, how = weight_of(index.about.get("reader") or {}, alpha)
    vectors, count = with_explanations(queries, texts, load_reader(index, model), weight)
    return vectors, f"{count} of {len(texts)} queries with an explanation, of weight {weight:g} ({how})"
