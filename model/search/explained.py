"""Adds explanations to text queries: norm(t + alpha A), our extension (`model.evaluation.explained` measures it)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from model.checkpoints.checkpoint import load_entityclip
from model.clip.tokenize import TextReader
from model.clip.towers import Towers, load_towers
from model.data.segments import segments_that_fit
from model.errors import ModelError
from model.evaluation.embed_explanations import MOST_SEGMENTS, mean_of_segments, text_tower_digest
from model.evaluation.explained import agreement, fused
from model.evaluation.reader import Weight, load_reader_folder, load_reader_of, weight_of
from model.run_files import INDEX, MODEL, READER, SETTINGS, read_checkpoint_card
from model.search.index import Index, model_folder_of, open_index
from model.search.ways import MMAE
from model.settings.schema import TowerSettings


def load_reader(index: Index, model: Path | None = None) -> Towers:
    """Load the text tower that reads explanations for an index. If an exported model has moved, `model` is its place.

    Raises ModelError if the index has none, or it is not there or has changed.
    """
    about = index.about.get("reader")
    if about is None:
        why = index.about.get("no_reader")
        raise ModelError(
            f"{index.folder} was built without the text tower that its model started from, so explanations cannot be "
            f"read{f' ({why})' if why else ''}; build the index again from a training run, while its `towers.model` is "
            "there, or from an export with its reader"
        )
    try:
        if about.get("in_export"):
            return load_reader_folder(model_folder_of(index, model) / READER, about["sha256"])
        towers = load_towers(TowerSettings.model_validate(about["towers"]))
    except ValidationError as error:
        raise ModelError(f"{index.folder} describes no text tower ({error}); rebuild the index") from error
    if text_tower_digest(towers.clip) != about["sha256"]:
        raise ModelError(
            f"the text tower of {about['towers']['model']} has changed since {index.folder} was built; rebuild the "
            "index"
        )
    return towers


class Together(NamedTuple):
    """Query vectors together with explanations.

    Attributes:
        vectors: (Q, D), normalised.
        agreements: cosine of each query with its explanation; None without one.
    """

    vectors: Tensor
    agreements: list[float | None]


class ReaderBehind(NamedTuple):
    """The reader of a run or of an index, and the weight of explanations. Equal `origin`: equal towers."""

    towers: Towers
    weight: Weight
    origin: tuple[str, str]


def may_read_explanations(folder: Path) -> bool:
    """Return whether a run or an index names a reader. Loads nothing, so the reader may turn out to be gone.

    Raises ModelError for a damaged index.
    """
    if (folder / INDEX).exists():
        return open_index(folder).about.get("reader") is not None
    return (folder / SETTINGS).is_file()


def load_reader_behind(folder: Path) -> ReaderBehind:
    """Load the reader of a run or of an index. Raises ModelError if there is none, or if it cannot be loaded."""
    if (folder / INDEX).exists():
        index = open_index(folder)
        towers, about = load_reader(index), index.about["reader"]
        return ReaderBehind(towers, weight_of(about), (about["towers"]["model"], about["sha256"]))
    reader = load_reader_of(folder)
    return ReaderBehind(reader.towers, weight_of(reader.record()), (reader.settings.model, reader.sha256))


def with_explanations(queries: Tensor, explanations: Sequence[str | None], reader: Towers, alpha: float) -> Together:
    """Return the queries together with their explanations, to search by the towers.

    Args:
        queries: normalised embeddings (Q, D) of the captions by the trained text tower.
        explanations: an explanation per query; None: the query stays as it is.
        reader: the towers that training started from.
    """
    anchors, _ = encode_explanations(explanations, reader)
    return Together(F.normalize(fused(queries, anchors, alpha), dim=-1), _agreements(queries, anchors, explanations))


def with_explanations_beside(
    queries: Tensor, explanations: Sequence[str | None], reader: Towers, alpha: float
) -> Together:
    """Return queries (Q, 2 D) whose scores are sums of two cosines, to search by both; `vectors` are not normalised.

    The arguments are those of `with_explanations`.
    """
    anchors, _ = encode_explanations(explanations, reader)
    halves = F.normalize(torch.cat([queries, alpha * anchors], dim=1), dim=-1)
    # An image's two halves have norm 1 each: with this factor, scores are at most 1.
    return Together(halves / 2**0.5, _agreements(queries, anchors, explanations))


def by_experts(
    index: Index,
    captions: Sequence[str],
    queries: Tensor,
    explanations: Sequence[str | None],
    reader: Towers,
    alpha: float,
    model: Path | None = None,
) -> Together:
    """Return the `captions` as queries (Q, D) by MMAE's experts, norm(T* + alpha A), to search among V*.

    An empty text is read in place of a missing explanation, as in evaluation. If the run has moved, `model` is its new
    location. Raises ModelError if the run is not found, or is not the one that built the index.
    """
    run = model_folder_of(index, model)
    if read_checkpoint_card(run)["sha256"][MODEL] != index.about["ways"][MMAE]["model_sha256"]:
        raise ModelError(f"{run} has other weights than when {index.folder} was built; rebuild the index")
    entityclip, towers = load_entityclip(run)
    anchors, segments = encode_explanations(explanations, reader)
    read = TextReader(towers)
    texts, _ = read([caption.strip() for caption in captions], "texts")
    tokens, _ = read([explanation or "" for explanation in explanations], "explanations")
    with torch.inference_mode():
        of_explanations = segments if entityclip.method.has_segment_anchors else tokens.long()
        mixtures = F.normalize(entityclip.eval().text_mixture(texts.long(), of_explanations).float(), dim=-1)
    return Together(F.normalize(fused(mixtures, anchors, alpha), dim=-1), _agreements(queries, anchors, explanations))


def encode_explanations(explanations: Sequence[str | None], reader: Towers) -> tuple[Tensor, Tensor]:
    """Return A (Q, D), 0 where there is no explanation, and the anchors of the segments (Q, K, D), of "" without one.

    Rows of the latter are followed by 0, as in `embed_segments`.
    """
    read = TextReader(reader)
    parts = [(segments_that_fit(text, read.fits) if text else []) or [""] for text in explanations]
    tokens, _ = read([part for of_row in parts for part in of_row], "explanations")
    clip: Any = reader.clip.eval()
    with torch.inference_mode():
        embedded = clip.encode_text(tokens.long(), normalize=True).float()
    counts = [len(of_row) for of_row in parts]
    anchors = mean_of_segments(embedded, torch.tensor(counts))
    anchors[torch.tensor([not text for text in explanations])] = 0
    segments = pad_sequence([of_row[:MOST_SEGMENTS] for of_row in embedded.split(counts)], batch_first=True)
    return anchors, segments


def _agreements(queries: Tensor, anchors: Tensor, explanations: Sequence[str | None]) -> list[float | None]:
    cosines = agreement(queries, anchors).tolist()
    return [cosine if text else None for cosine, text in zip(cosines, explanations, strict=True)]
