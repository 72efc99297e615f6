"""Adds explanations to text queries: norm(t + alpha A), our extension (`model.evaluation.explained` measures it)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from model.clip.tokenize import TextReader
from model.clip.towers import Towers, load_towers
from model.data.segments import segments_that_fit
from model.errors import ModelError
from model.evaluation.embed_explanations import mean_of_segments, text_tower_digest
from model.evaluation.explained import agreement, fused
from model.evaluation.reader import Weight, load_reader_folder, load_reader_of, weight_of
from model.run_files import INDEX, READER, SETTINGS
from model.search.index import Index, model_folder_of, open_index
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
    """Return the queries together with their explanations.

    Args:
        queries: normalised embeddings (Q, D) of the captions by the trained text tower.
        explanations: an explanation per query; None: the query stays as it is.
        reader: the towers that training started from.
    """
    anchors = torch.zeros_like(queries)
    rows = [row for row, text in enumerate(explanations) if text]
    if rows:
        read = TextReader(reader)
        parts = [segments_that_fit(explanations[row] or "", read.fits) for row in rows]
        tokens, _ = read([part for of_row in parts for part in of_row], "explanations")
        clip: Any = reader.clip.eval()
        with torch.inference_mode():
            embedded = clip.encode_text(tokens.long(), normalize=True).float()
        anchors[rows] = mean_of_segments(embedded, torch.tensor([len(of_row) for of_row in parts]))
    cosines = agreement(queries, anchors).tolist()
    agreements = [cosine if text else None for cosine, text in zip(cosines, explanations, strict=True)]
    return Together(F.normalize(fused(queries, anchors, alpha), dim=-1), agreements)
