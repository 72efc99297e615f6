"""Describes the text tower that reads explanations for an index: the one that training started from."""

from pathlib import Path
from typing import Any

from model.clip.towers import load_towers
from model.errors import ModelError
from model.evaluation.embed_explanations import text_tower_digest
from model.run_files import EXPLAINED, SETTINGS, TOWERS, read_checkpoint_card, read_record
from model.settings.load import load_run_settings


def describe_reader(run: Path) -> dict[str, Any] | None:
    """Return what an index records of the text tower that training started from, and of alpha, its weight.

    None for a model that is no run, or if that tower is no longer there. Alpha is None unless `evaluate --explained`
    has chosen one for the run's weights.
    """
    if not (run / SETTINGS).exists():
        return None
    settings = load_run_settings(run / SETTINGS)
    try:
        towers = load_towers(settings.towers)
    except ModelError:
        return None
    return {
        "towers": settings.towers.model_dump(mode="json"),
        "sha256": text_tower_digest(towers.clip),
        "alpha": _chosen_alpha(run),
    }


def _chosen_alpha(run: Path) -> float | None:
    if not (run / EXPLAINED).is_file():
        return None
    record = read_record(run / EXPLAINED, None, f"recreate it with: entityclip evaluate {run} --explained")
    if record.get("towers_sha256") != read_checkpoint_card(run)["sha256"][TOWERS]:
        return None
    alpha = record.get("alpha")
    return float(alpha["towers"]) if isinstance(alpha, dict) and "towers" in alpha else None
