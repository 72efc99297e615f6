"""Loads the splits of a run, and replaces explanations with wrong ones for the control run."""

import numpy as np
import torch

from model.clip.towers import Towers, is_causal
from model.data.dataset import TripleDataset
from model.data.loader import cache_samples
from model.data.shards import SplitRows, read_split
from model.data.workers import start_fork_server
from model.errors import ModelError
from model.rng import seeded
from model.settings.schema import DataSettings, TrainSettings


def with_wrong_explanations(rows: SplitRows, seed: int) -> SplitRows:
    """Replace each row's explanation and key with those of another row; equal explanations get equal replacements.

    Distinct explanations are arranged in a random cycle and each is replaced by the next, so no row keeps its
    explanation and every explanation is used. The shards do not record which entity a row is about, so a replacement
    may by chance be about the same entity.

    Raises ModelError if there are fewer than two distinct explanations.
    """
    text = rows.triples.groups("explanation").numpy()  # (N,) each row's text, as a number
    _, first = np.unique(text, return_index=True)  # first row of each text
    _, last = np.unique(text[::-1], return_index=True)
    if len(first) < 2:
        raise ModelError("data.wrong_explanations: the training split has only one explanation; at least 2 are needed")
    texts = np.argsort(last)  # text numbers by last occurrence, latest first
    cycle = texts[torch.randperm(len(texts), generator=seeded(seed, "wrong explanations")).numpy()]
    donor = np.empty(len(texts), np.int64)
    donor[cycle] = first[np.roll(cycle, -1)]
    return rows._replace(triples=rows.triples.with_explanations_of(donor[text]))


def read_rows(data: DataSettings) -> tuple[SplitRows, SplitRows | None]:
    """Read training and validation rows, without decoding images. Raises ModelError for unusable shards."""
    rows = read_one_split(data, data.splits.train, data.statuses)
    return rows, None if data.splits.val is None else read_one_split(data, data.splits.val)


def read_one_split(data: DataSettings, split: str, statuses: tuple[str, ...] | None = None) -> SplitRows:
    """Call `read_split` with the shards' location, the image root and `allow_partial` from the settings."""
    return read_split(
        data.explanations, split, statuses=statuses, image_root=data.image_root, allow_partial=data.allow_partial
    )


def image_text_dataset(rows: SplitRows, towers: Towers, data: DataSettings) -> TripleDataset:
    """Return a dataset of a split's images and captions, without explanations. Raises as TripleDataset does."""
    return TripleDataset(rows, towers, explanations=False, workers=data.workers, max_bad_images=data.max_bad_images)


def load_splits(
    settings: TrainSettings, towers: Towers, rows: SplitRows, val_rows: SplitRows | None
) -> dict[str, TripleDataset]:
    """Return datasets by use: "train", and "val" if the settings name a validation split.

    Raises ModelError for a missing image root and for too many unusable images.
    """
    data = settings.data
    if data.wrong_explanations:
        rows = with_wrong_explanations(rows, settings.seed)
    training = TripleDataset(
        rows,
        towers,
        explanations=settings.method.reads_explanations,
        count_explanations=settings.method.uses_explanations and not settings.method.anchor_segments,
        trim=is_causal(towers.clip) and not settings.method.reads_padding,
        workers=data.workers,
        max_bad_images=data.max_bad_images,
    )
    splits = {"train": training}
    if val_rows is not None:
        splits["val"] = image_text_dataset(val_rows, towers, data)
    for split in splits.values():
        if not cache_samples(split, data.cache_mib) and split.workers:
            start_fork_server()  # in the background, while the model is being built
    return splits
