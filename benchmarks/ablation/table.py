"""Formats the ablation's results as Markdown, CSV and a plot."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from statistics import fmean, stdev

from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.ablation.plan import Row
from benchmarks.ablation.runs import Run
from entityclip.contract.atomic_files import written_whole
from model.evaluation.compare import Comparison, paired_difference

Found = Mapping[tuple[int, int], Mapping[str, Tensor]]  # [world, seed][pool]: each query's contribution to mean recall
_COLUMNS = ("checkpoint", "budget", "arm", "lr", "steps", "GFLOP a step", "runs")


@dataclass(frozen=True)
class PoolResult:
    """Mean recall (percent) in a pool of houses, over all worlds and seeds.

    Attributes:
        sd: standard deviation over the seeds, averaged over the worlds; None for a single seed.
        gain: gain over plain CLIP with the same checkpoint and budget; None for plain CLIP itself.
    """

    mean: float
    sd: float | None
    gain: Comparison | None


@dataclass(frozen=True)
class RowResult:
    """A row of the table with its results."""

    row: Row
    lr: float
    steps: int
    gflops: float | None
    runs: int
    pools: dict[str, PoolResult]

    def named(self, way: str) -> "RowResult":
        """Return a copy with the kind of query, `way`, appended to the arm's name."""
        arm = replace(self.row.arm, name=f"{self.row.arm.name}, {way}")
        return replace(self, row=replace(self.row, arm=arm))


def row_result(
    row: Row, runs: Mapping[tuple[int, int], Run], found: Found, baseline: Found | None, flops: float | None
) -> RowResult:
    """Return the results of a row.

    Args:
        found, baseline: results of the row's runs and of plain CLIP's runs; `baseline` is None for plain CLIP itself.

    Raises:
        ModelError: the baseline was evaluated on different pairs.
    """
    pools = {}
    for pool in next(iter(found.values())):
        ours = {key: of_pool[pool] for key, of_pool in found.items()}
        means = {key: values.mean().item() for key, values in ours.items()}
        base = None if baseline is None else {key: of_pool[pool] for key, of_pool in baseline.items()}
        gain = None if base is None else paired_difference(ours, base)
        pools[pool] = PoolResult(fmean(means.values()), spread(means), gain)
    one = next(iter(runs.values()))
    return RowResult(row, one.lr, one.steps, None if flops is None else flops / 1e9, len(runs), pools)


def markdown(results: Sequence[RowResult]) -> str:
    """Format the results as one table per checkpoint and budget."""
    lines: list[str] = []
    for checkpoint, budget in dict.fromkeys((result.row.checkpoint, result.row.budget) for result in results):
        names = [f"{pool}{what}" for pool in results[0].pools for what in ("", ", gain over plain CLIP (95 %)")]
        lines += ["", f"**checkpoint {checkpoint}, equal {budget}**", ""]
        lines += [f"| arm | lr | steps | GFLOP a step | {' | '.join(names)} |", "|---|" + "---:|" * (3 + len(names))]
        for result in results:
            if (result.row.checkpoint, result.row.budget) == (checkpoint, budget):
                cells = [text for pool in result.pools for text in _cells(result.pools[pool])]
                flops = "" if result.gflops is None else f"{result.gflops:.1f}"
                about = f"{result.row.arm.name} | {result.lr:g} | {result.steps} | {flops}"
                lines.append(f"| {about} | {' | '.join(cells)} |")
    return "\n".join([*lines[1:], ""])


def as_csv(results: Sequence[RowResult]) -> str:
    """Format the results as CSV, one line per row; missing values are empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    of_pool = ("mean_recall", "sd", "gain", "gain_low", "gain_high")
    writer.writerow([*_COLUMNS, *(f"{pool}_{name}" for pool in results[0].pools for name in of_pool)])
    for result in results:
        row = result.row
        about = [row.checkpoint, row.budget, row.arm.name, result.lr, result.steps, result.gflops, result.runs]
        measured = [(found.mean, found.sd, *(found.gain or (None,) * 3)) for found in result.pools.values()]
        writer.writerow([*about, *chain.from_iterable(measured)])
    return text.getvalue()


def write_plot(results: Sequence[RowResult], path: Path) -> None:
    """Plot the gains over plain CLIP with their intervals to a PNG file, with one panel per pool."""
    pools = list(results[0].pools)
    shown = [result for result in results if result.pools[pools[0]].gain is not None]
    across = min(len(pools), 3)
    down = -(-len(pools) // across)
    figure = Figure(figsize=(3 + 4 * across, down * (1.6 + 0.32 * len(shown))), layout="constrained")
    axes = figure.subplots(down, across, sharey=True, squeeze=False).flatten()
    for empty in axes[len(pools) :]:
        empty.set_visible(False)
    for pool, one in zip(pools, axes, strict=False):
        for place, result in enumerate(shown):
            gain = result.pools[pool].gain
            assert gain is not None
            colour = "#8a8a8a" if result.row.arm.explanations == "others" else "#1f5fa8"
            one.plot([gain.low, gain.high], [place, place], color=colour, linewidth=2)
            one.plot([gain.difference], [place], "o", color=colour)
        one.axvline(0, color="black", linewidth=0.8)
        one.set(title=pool, xlabel="gain over plain CLIP (points of mean recall)")
        one.grid(axis="x", alpha=0.25)
        one.spines[["top", "right"]].set_visible(False)
    names = [f"{r.row.arm.name} ({r.row.budget}, checkpoint {r.row.checkpoint})" for r in shown]
    axes[0].set_yticks(range(len(shown)), names)
    axes[0].invert_yaxis()
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _cells(found: PoolResult) -> list[str]:
    spread = "" if found.sd is None else f" ± {found.sd:.1f}"
    gain = "" if found.gain is None else "{:+.1f} ({:+.1f} to {:+.1f})".format(*found.gain)
    return [f"{found.mean:.1f}{spread}", gain]


def spread(means: Mapping[tuple[int, int], float]) -> float | None:
    """Return the standard deviation over seeds, averaged over worlds, or None if a world has only one seed."""
    by_world: dict[int, list[float]] = {}
    for (world, _), value in means.items():
        by_world.setdefault(world, []).append(value)
    if any(len(values) < 2 for values in by_world.values()):
        return None
    return fmean(stdev(values) for values in by_world.values())
