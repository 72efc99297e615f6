"""What the named folders hold: training runs, explanations, or both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.data.remote_shards import local_shards
from model.errors import ModelError
from model.runs import RunOverview, in_order, is_training_run, overview

_EXPLANATIONS = "explanations"  # in the folder of a demo run, or of the flow that chains all


@dataclass(frozen=True)
class Sources:
    """What a report is about: runs by the name of their arm, and a folder of shards.

    Of the runs the first is the baseline, and the last the one in question.
    """

    arms: dict[str, RunOverview]
    explanations: Path | None

    @property
    def image_root(self) -> Path | None:
        """Where the runs' settings say that the images are, if other than the shards do."""
        roots = ((run.settings.get("data") or {}).get("image_root") for run in self.arms.values())
        return next((Path(root) for root in roots if root), None)


def find_sources(places: Sequence[Path]) -> Sources:
    """The training runs and the explanations in these folders.

    Where no explanations are, those that the runs were trained on. Places keep their order, and the runs in one
    folder are `in_order`; but plain CLIP comes first, wherever it lies.

    Raises ModelError: a place that holds neither, or explanations in several.
    """
    runs: list[RunOverview] = []
    folders: list[Path] = []
    for place in places:
        found = [place] if is_training_run(place) else sorted(_children(place))
        several = [overview(run) for run in found if is_training_run(run)]
        runs += in_order(several)
        folders += [folder for folder in (place, place / _EXPLANATIONS) if has_shards(folder)]
        if not several and not has_shards(place) and not has_shards(place / _EXPLANATIONS):
            what = "is no folder" if not place.is_dir() else "has neither a training run nor explanations with a shard"
            raise ModelError(f"{place}: {what}; name a run, a folder of explanations, or one that holds both")
    different = {folder.resolve(): folder for folder in folders}
    if len(different) > 1:
        named = ", ".join(str(folder) for folder in different.values())
        raise ModelError(f"explanations in several folders ({named}); a report is about one of them")
    trained_on = (run.explanations for run in runs)
    folder = next(iter(folders), None) or next((local_shards(name) for name in trained_on if name), None)
    return Sources(_named(sorted(runs, key=lambda run: not run.is_plain_clip)), folder)


def _children(place: Path) -> Iterator[Path]:
    return (child for child in place.iterdir() if child.is_dir()) if place.is_dir() else iter(())


def has_shards(folder: Path) -> bool:
    """Whether shards lie in it, each split in a folder of its own."""
    return any(folder.glob("split=*/part-*.parquet"))


def _named(runs: list[RunOverview]) -> dict[str, RunOverview]:
    """By folder name; of two folders of one name, with the folder that each lies in, or a number."""
    names = [run.location.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = ["/".join(run.location.resolve().parts[-2:]) for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return dict(zip(names, runs, strict=True))
