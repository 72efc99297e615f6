"""Is a training run on disk the one that these settings and these shards would give?"""

import json
from pathlib import Path

import yaml

from model.evaluation import SETTINGS
from model.files import digest
from model.settings import TrainSettings
from model.training import RECORD


def is_finished(run: Path, settings: TrainSettings) -> bool:
    """Whether `run` is finished with equal settings, on shards that are still what they were."""
    try:
        record = json.loads((run / RECORD).read_text(encoding="utf-8"))
        trained_with = yaml.safe_load((run / SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    if trained_with != settings.as_plain():
        return False
    folder = settings.data.explanations
    used = {name: sha for use in record["data"].values() for name, sha in use["shards"].items()}
    splits = [record_split for record_split in (settings.data.splits.train, settings.data.splits.val) if record_split]
    there = {
        str(p.relative_to(folder)): digest(p) for s in splits for p in (folder / f"split={s}").glob("part-*.parquet")
    }
    return used == there
