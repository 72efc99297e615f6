"""Inputs of a report: the training runs and explanations found in the given folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from model.data.remote_shards import local_shards
from model.errors import ModelError
from model.runs import RunOverview, in_order, is_training_run, overview

_EXPLANATIONS = "explanations"  # subfolder in the output of the demo or of the end-to-end flow


class Sources(NamedTuple):
    """Training runs by arm name, and the folder of explanation shards, if there is one.

    The first run is the baseline; the last run is compared with it.
    """

    arms: dict[str, RunOverview]
    explanations: Path | None

    @property
    def image_root(self) -> Path | None:
        """Return the image root set in a run's settings, which overrides the one in the shards, or None if unset."""
        roots = ((run.settings.get("data") or {}).get("image_root") for run in self.arms.values())
        return next((Path(root) for root in roots if root), None)


def find_sources(places: Sequence[Path]) -> Sources:
    """Find the training runs and the explanations in these folders.

    If the folders hold no explanations, those that the runs were trained on are used. Plain CLIP comes first; other
    runs keep the order of the folders and, within a folder, are sorted by `in_order`.

    Raises ModelError if a folder holds neither runs nor explanations, or if several folders hold explanations.
    """
    runs: list[RunOverview] = []
    folders: list[Path] = []
    for place in places:
        found = [place] if is_training_run(place) else sorted(place.glob("*"))
        several = [overview(run) for run in found if is_training_run(run)]
        runs += in_order(several)
        folders += [folder for folder in (place, place / _EXPLANATIONS) if has_shards(folder)]
        if not several and not has_shards(place) and not has_shards(place / _EXPLANATIONS):
            what = "is not a folder" if not place.is_dir() else "has neither a training run nor explanation shards"
            raise ModelError(f"{place} {what}; give a run, a folder of explanations, or a folder with both")
    different = {folder.resolve(): folder for folder in folders}
    if len(different) > 1:
        named = ", ".join(str(folder) for folder in different.values())
        raise ModelError(f"there are explanations in several folders ({named}), but a report can use only one folder")
    trained_on = (run.explanations for run in runs)
    folder = next(iter(folders), None) or next((local_shards(name) for name in trained_on if name), None)
    return Sources(_named(sorted(runs, key=lambda run: not run.is_plain_clip)), folder)


def has_shards(folder: Path) -> bool:
    """Return whether the folder contains shards in subfolders named after splits."""
    return any(folder.glob("split=*/part-*.parquet"))


def _named(runs: list[RunOverview]) -> dict[str, RunOverview]:
    """Key runs by folder name. If names clash, add the parent folder's name; if they still clash, add a number."""
    names = [run.location.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = ["/".join(run.location.resolve().parts[-2:]) for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return dict(zip(names, runs, strict=True))
