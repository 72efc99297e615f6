"""Finds the training split of a run again: the shards whose digests its checkpoint records."""

from pathlib import Path
from typing import Any

from model.data.shards import SplitRows
from model.data.splits import read_one_split
from model.errors import ModelError
from model.run_files import SETTINGS
from model.settings.load import load_run_settings
from model.settings.schema import DataSettings


def training_rows(run: Path, card: dict[str, Any], evaluated: DataSettings) -> SplitRows | str:
    """Return the rows that a run was trained on, or why they cannot be read.

    They are looked for where the run's settings say and, as data may have been moved, in the shards that are evaluated.
    Only shards with the digests in the checkpoint's card count: other training rows would give numbers about another
    dataset.

    Args:
        card: the card of the run's checkpoint.
    """
    recorded = ((card.get("trained_with") or {}).get("data") or {}).get("train") or {}
    wanted = recorded.get("shards")
    if not wanted:
        return "the checkpoint does not record which rows it was trained on"
    own = load_run_settings(run / SETTINGS).data if (run / SETTINGS).exists() else None
    if own is None:
        candidates = [evaluated]
    else:
        moved = own.model_copy(update={"explanations": evaluated.explanations, "image_root": evaluated.image_root})
        candidates = [own] if own.explanations == evaluated.explanations else [own, moved]
    reasons = []
    for data in candidates:
        data = data.model_copy(update={"allow_partial": True})  # digests decide
        try:
            rows = read_one_split(data, recorded.get("split") or data.splits.train, data.statuses)
        except ModelError as error:
            reasons.append(str(error))
            continue
        if rows.source.digests == wanted:
            return rows
        reasons.append(f"{data.explanations} has other shards of split {rows.source.split} than the run was trained on")
    return "; ".join(reasons)
