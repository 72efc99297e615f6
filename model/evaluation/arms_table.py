"""Results of several arms (methods) over seeds, laid out as in the paper: one table per direction, one row per arm."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from model.errors import ModelError

WAYS = {"text_to_image": "text to image", "image_to_text": "image to text"}
COLUMNS = ("R@1", "R@5", "R@10", "R@50", "R@100", "MedR", "MeanR")


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (n - 1) over the seeds; `sd` is None for a single seed."""

    mean: float
    sd: float | None

    def __str__(self) -> str:
        return f"{self.mean:,.1f}" + (f" ± {self.sd:.1f}" if self.sd is not None else "")


@dataclass(frozen=True)
class ArmsTable:
    """Results of several arms over the seeds.

    Attributes:
        cells: results by arm, retrieval direction and column.
        mean_recall: mean of R@1, R@5 and R@10 in both directions, by arm.
        untrained: number of runs, by arm, where the best checkpoint has the initial weights; only arms with such runs.
    """

    split: str
    gallery: int
    seeds: tuple[int, ...]
    cells: dict[str, dict[str, dict[str, Spread]]]
    mean_recall: dict[str, Spread]
    untrained: dict[str, int]

    @property
    def remark(self) -> str | None:
        """Return a note about runs that training did not improve, or None."""
        if not self.untrained:
            return None
        arms = ", ".join(f"{arm} ({count} of {len(self.seeds)} runs)" for arm, count in self.untrained.items())
        return f"measured with the initial weights, because training did not improve validation: {arms}"

    def markdown(self) -> str:
        """Return one Markdown table per direction."""
        lines = [f"{self.split} split, {self.gallery:,} candidates, seeds {', '.join(map(str, self.seeds))}"]
        for way, title in WAYS.items():
            lines += ["", f"| {title} | {' | '.join(COLUMNS)} | mean recall |", f"|---|{'---:|' * (len(COLUMNS) + 1)}"]
            for arm, found in self.cells.items():
                cells = " | ".join(str(found[way][column]) for column in COLUMNS)
                lines.append(f"| {arm} | {cells} | {self.mean_recall[arm]} |")
        return "\n".join([*lines, *(["", self.remark] if self.remark else []), ""])

    def as_plain(self) -> dict[str, Any]:
        """Return the table as JSON-serialisable values."""
        plain = asdict(self)
        arms = {arm: ways | {"mean_recall": plain["mean_recall"][arm]} for arm, ways in plain["cells"].items()}
        about = {"split": self.split, "gallery": self.gallery, "seeds": list(self.seeds)}
        return about | {"arms": arms, "untrained": self.untrained}


def arms_table(measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> ArmsTable:
    """Build the table from the runs' metrics.

    Args:
        measured: a split's metrics from `metrics.json`, plus the checkpoint's "step", by arm and seed.

    Raises ModelError if the arms differ in seeds, split or gallery size.
    """
    runs = [metrics for by_seed in measured.values() for metrics in by_seed.values()]
    seeds = {tuple(sorted(by_seed)) for by_seed in measured.values()}
    candidates = {(metrics["split"], metrics["gallery"]) for metrics in runs}
    if len(seeds) != 1 or len(candidates) != 1:
        raise ModelError("the arms are not comparable: train and evaluate all of them with the same seeds and data")
    ((split, gallery),) = candidates
    cells = {
        arm: {way: {column: _spread([m[way][column] for m in by_seed.values()]) for column in COLUMNS} for way in WAYS}
        for arm, by_seed in measured.items()
    }
    means = {arm: _spread([m["mean_recall"] for m in by_seed.values()]) for arm, by_seed in measured.items()}
    untrained = {arm: sum(m["step"] == 0 for m in by_seed.values()) for arm, by_seed in measured.items()}
    kept = {arm: count for arm, count in untrained.items() if count}
    return ArmsTable(split, gallery, next(iter(seeds)), cells, means, kept)


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)
