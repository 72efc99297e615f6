"""Results of runs as rows of a CSV file that grows as runs finish."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from entityclip.contract.atomic_files import written_whole

ALL = "all"  # the pool of all queries


@dataclass(frozen=True)
class Measured:
    """Retrieval of one run by one protocol, in percent.

    Attributes:
        protocol: as in `model.evaluation.explained`: caption, explained, both, mmae, their controls, alone.
        alpha: weight of explanations; 0 for captions alone.
        pool: pool of the queries' houses, or ALL; the gallery is always the whole split.
        error: standard error of `mean_recall` over the choice of queries, from its bootstrap interval.
        text_to_image, image_to_text: R@1.
    """

    protocol: str
    alpha: float
    pool: str
    mean_recall: float
    error: float | None
    text_to_image: float | None
    image_to_text: float | None


@dataclass(frozen=True)
class Result:
    """A row of the CSV file: a run, and what was measured of it."""

    world: int
    seed: int
    arm: str
    lr: float
    steps: int
    measured: Measured

    @property
    def key(self) -> tuple[int, int, str, float, int]:
        """Return what identifies the run and the arm made from it."""
        return self.world, self.seed, self.arm, self.lr, self.steps


_RUN = [field.name for field in fields(Result) if field.name != "measured"]
_MEASURED = [field.name for field in fields(Measured)]


def read_results(path: Path) -> list[Result]:
    """Read a CSV file that `add_results` wrote; empty if there is none."""
    if not path.exists():
        return []
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = {name: float(row[name]) if row[name] else None for name in _MEASURED if name not in _NAMES}
            measured = Measured(**{name: row[name] for name in _NAMES}, **numbers)  # type: ignore[arg-type]
            about = int(row["world"]), int(row["seed"]), row["arm"], float(row["lr"]), int(row["steps"])
            found.append(Result(*about, measured))
    return found


def add_results(path: Path, results: Iterable[Result]) -> None:
    """Add rows to the CSV file atomically, sorted by run, so that the order in which runs finish leaves no trace."""
    rows = sorted([*read_results(path), *results], key=lambda result: (result.key, result.measured.protocol))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_RUN, *_MEASURED])
    for row in rows:
        content = asdict(row) | asdict(row.measured)
        writer.writerow([_cell(content[name]) for name in (*_RUN, *_MEASURED)])
    with written_whole(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


_NAMES = ("protocol", "pool")


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value
