"""What a run reads: the rows of its splits, then tokens and images of them."""

from typing import Any

from model.controls import with_wrong_explanations
from model.settings import DataSettings, TrainSettings
from model.shards import SplitRows, read_split
from model.towers import Towers, is_causal
from model.triples import TripleSet


def read_rows(data: DataSettings) -> tuple[SplitRows, SplitRows | None]:
    """Training and validation rows, both read before either is decoded. Raises ModelError for unusable shards."""
    how: dict[str, Any] = {"image_root": data.image_root, "allow_partial": data.allow_partial}
    rows = read_split(data.explanations, data.splits.train, statuses=data.statuses, **how)
    if data.splits.val is None:
        return rows, None
    return rows, read_split(data.explanations, data.splits.val, statuses=None, **how)


def load_splits(
    settings: TrainSettings, towers: Towers, rows: SplitRows, val_rows: SplitRows | None
) -> dict[str, TripleSet]:
    """By use: "train", and "val" where the settings name a validation split."""
    data = settings.data
    how: dict[str, Any] = {
        "cache_mib": data.cache_mib,
        "workers": data.workers,
        "max_bad_images": data.max_bad_images,
    }
    if data.wrong_explanations:
        rows = with_wrong_explanations(rows, settings.seed)
    training = TripleSet(
        rows,
        towers,
        explanations=settings.method.reads_explanations,
        count_explanations=settings.method.uses_explanations,
        trim=is_causal(towers.clip) and not settings.method.reads_padding,
        **how,
    )
    if val_rows is None:
        return {"train": training}
    return {"train": training, "val": TripleSet(val_rows, towers, explanations=False, **how)}
