"""What a run reads: the rows of its splits, and the control with wrong explanations."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from model.clip.towers import Towers, is_causal
from model.data.cache import cache_samples
from model.data.dataset import TripleDataset
from model.data.shards import SplitRows, read_split
from model.data.workers import start_fork_server
from model.errors import ModelError
from model.rng import seeded
from model.settings.schema import DataSettings, TrainSettings


def with_wrong_explanations(rows: SplitRows, seed: int) -> SplitRows:
    """The same rows, each with another row's explanation and its key, the same one for rows that shared theirs.

    Distinct texts (so distinct keys too) are put in a circle in a random order, and each gives way to the next:
    no row keeps its text, every text is used, and how often each is used moves with it. The shards do not say
    which entity a row is about; two wordings about one entity can still meet, by chance.

    Raises ModelError if there are fewer than two distinct explanations.
    """
    text = rows.triples.groups("explanation").numpy()  # (N,) which text a row has
    _, first = np.unique(text, return_index=True)  # of each text, the first row that has it
    _, last = np.unique(text[::-1], return_index=True)
    if len(first) < 2:
        raise ModelError("data.wrong_explanations: the training split has only one explanation to choose from")
    texts = np.argsort(last)  # in the order in which they are met from the last row on
    circle = texts[torch.randperm(len(texts), generator=seeded(seed, "wrong explanations")).numpy()]
    donor = np.empty(len(texts), np.int64)
    donor[circle] = first[np.roll(circle, -1)]
    return replace(rows, triples=rows.triples.with_explanations_of(donor[text]))


def read_rows(data: DataSettings) -> tuple[SplitRows, SplitRows | None]:
    """Training and validation rows, both read before either is decoded. Raises ModelError for unusable shards."""
    how: dict[str, Any] = {"image_root": data.image_root, "allow_partial": data.allow_partial}
    rows = read_split(data.explanations, data.splits.train, statuses=data.statuses, **how)
    if data.splits.val is None:
        return rows, None
    return rows, read_split(data.explanations, data.splits.val, statuses=None, **how)


def load_splits(
    settings: TrainSettings, towers: Towers, rows: SplitRows, val_rows: SplitRows | None
) -> dict[str, TripleDataset]:
    """By use: "train", and "val" where the settings name a validation split.

    Raises ModelError: an image root that is missing, too many images that cannot be used.
    """
    data = settings.data
    if data.wrong_explanations:
        rows = with_wrong_explanations(rows, settings.seed)
    how: dict[str, Any] = {"workers": data.workers, "max_bad_images": data.max_bad_images}
    training = TripleDataset(
        rows,
        towers,
        explanations=settings.method.reads_explanations,
        count_explanations=settings.method.uses_explanations,
        trim=is_causal(towers.clip) and not settings.method.reads_padding,
        **how,
    )
    splits = {"train": training}
    _make_ready(training, data)
    if val_rows is not None:
        splits["val"] = TripleDataset(val_rows, towers, explanations=False, **how)
        _make_ready(splits["val"], data)
    return splits


def _make_ready(split: TripleDataset, data: DataSettings) -> None:
    """Decode a small split now; for a large one, start what its workers come from while the model is made."""
    if not cache_samples(split, data.cache_mib) and split.workers:
        start_fork_server()
