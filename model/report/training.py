"""Training section: each run's record, learning curves, GI-ITM accuracy and expert use."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from model.errors import ModelError
from model.report.charts import Chart, Draw, chart, finish, short
from model.report.sources import Sources
from model.runs import IMPORTED, RunOverview
from model.tracking.curve_panels import (
    ACCURACIES,
    GATES,
    SMOOTHED,
    curves_of,
    experts_of,
    gates_of,
    means,
    running_mean,
)
from model.tracking.history import History
from model.tracking.learning_curves import mark_steps
from model.tracking.run_log import read_log
from model.tracking.trackers import as_scalars

_ROWS = 8  # maximum number of steps listed in a chart's table
_COMPARED = {  # title -> metric, axis label, whether to smooth
    "Contrastive loss of the towers (training)": ("loss/vtc", "loss (nats)", True),
    "Mean recall (validation)": ("validation/mean_recall", "mean of six recalls (%)", False),
}


@dataclass(frozen=True)
class Arm:
    """One run: the contents of its files, its metric history, problems found when reading the files, and its charts."""

    run: RunOverview
    history: History
    problems: list[str]
    charts: list[Chart] = field(default_factory=list)

    @property
    def gaps(self) -> list[str]:
        """Return descriptions of the parts missing from the explanations that the run was trained on."""
        return list(((self.run.record.get("data") or {}).get("train") or {}).get("gaps") or [])


class Training(NamedTuple):
    """Charts that compare all arms, and the arms themselves."""

    charts: list[Chart]
    arms: dict[str, Arm]


def describe_training(sources: Sources) -> Training:
    """Build the training section and draw its charts."""
    histories = {arm: _history(run) for arm, run in sources.arms.items()}
    arms = {arm: Arm(run, *histories[arm], _arm_charts(histories[arm][0])) for arm, run in sources.arms.items()}
    return Training(_common_charts({arm: history for arm, (history, _) in histories.items()}), arms)


def comparison_panels(histories: dict[str, History]) -> dict[str, Draw]:
    """Return functions, by title, that draw the contrastive loss and the validation recall of every arm with data."""
    return {
        title: _comparison(title, name, unit, histories, smoothed=smoothed)
        for title, (name, unit, smoothed) in _COMPARED.items()
        if any(history.bins(name) for history in histories.values())
    }


def _comparison(title: str, name: str, unit: str, histories: dict[str, History], *, smoothed: bool) -> Draw:
    def draw(axes: Axes) -> None:
        for number, (arm, history) in enumerate(histories.items()):
            if not (bins := history.bins(name)):
                continue
            steps, values = means(bins)
            look: dict[str, Any] = {"color": f"C{number}", "linestyle": ("-", "--", "-.", ":")[number % 4]}
            if smoothed:
                axes.plot(steps, values, color=f"C{number}", alpha=0.2, linewidth=0.8)
                values = running_mean(values, max(2, len(values) // SMOOTHED))
            axes.plot(steps, values, label=short(arm), marker=None if smoothed else "o", markersize=3, **look)
        axes.set_ylim(bottom=0)
        finish(axes, title, "step", unit)
        mark_steps(axes)

    return draw


def _common_charts(histories: dict[str, History]) -> list[Chart]:
    charts = []
    for title, draw in comparison_panels(histories).items():
        name = _COMPARED[title][0]
        curves = {arm: history for arm, history in histories.items() if history.bins(name)}
        ends = "; ".join(f"{arm} ends at {means(h.bins(name))[1][-1]:.3g}" for arm, h in curves.items())
        rows = [(arm, *row) for arm, history in curves.items() for row in _points(history, [name])]
        charts.append(chart(draw, title, f"{title} by step: {ends}", ["arm", "step", "value"], rows))
    return charts


def _arm_charts(history: History) -> list[Chart]:
    charts = []
    curves = curves_of(history)
    terms = {name: name.removeprefix("loss/") for name in history.names("loss/")}
    for about, title, names, factor in (
        ("losses", "Losses", terms, 1.0),
        ("accuracy", "GI-ITM accuracy, percent", ACCURACIES, 100.0),
    ):
        if about not in curves or (about == "losses" and len(terms) < 3):  # a single term equals the total
            continue
        there = {name: label for name, label in names.items() if history.bins(name)}
        ends = ", ".join(f"{label} {factor * means(history.bins(name))[1][-1]:.3g}" for name, label in there.items())
        rows = _points(history, there, factor)
        alt = f"{title} by training step; at the end: {ends}"
        charts.append(chart(with_steps(curves[about]), title, alt, ["step", *there.values()], rows))
    gates = [gate for gate in GATES if experts_of(history, gate)]
    for gate, draw in zip(gates, gates_of(history), strict=True):
        experts = experts_of(history, gate)
        first, last = ([100 * means(history.bins(name))[1][end] for name in experts] for end in (0, -1))
        rows = [(label, f"{a:.1f}", f"{b:.1f}") for label, a, b in zip(experts.values(), first, last, strict=True)]
        most = max(zip(last, experts.values(), strict=True))
        alt = f"Mean weight of each expert in the {GATES[gate]} by step; highest at the end: {most[1]}, {most[0]:.1f} %"
        title = f"Expert use: {GATES[gate]}"
        columns = ("expert", "mean weight at the start, %", "at the end, %")
        charts.append(chart(with_steps(draw), title, alt, columns, rows))
    return charts


def with_steps(draw: Draw) -> Draw:
    """Return a function that calls `draw`, then formats the x axis as training steps."""

    def both(axes: Axes) -> None:
        draw(axes)
        mark_steps(axes)

    return both


def _points(history: History, names: Collection[str], factor: float = 1.0) -> Sequence[Sequence[str]]:
    """Return table rows for a few points of the curves, including the last point: the step and each curve's value."""
    table: dict[int, dict[str, float]] = {}
    for name in names:
        for step, value in zip(*means(history.bins(name)), strict=True):
            table.setdefault(round(step), {})[name] = factor * value
    steps = sorted(table)
    every = max(1, -(-len(steps) // _ROWS))
    chosen = steps[::-1][::every][::-1]
    return [(f"{step:,}", *(f"{table[step][n]:.3g}" if n in table[step] else "" for n in names)) for step in chosen]


def _history(run: RunOverview) -> tuple[History, list[str]]:
    """Read as much of the log as possible; return the metric history and any problems."""
    history, problems = History(), [f"{name} cannot be read: {why}" for name, why in run.damaged.items()]
    try:
        for line in read_log(run.location, problems.append):
            history.add(line["step"], dict(as_scalars(line)))
    except (ModelError, KeyError, TypeError, ValueError) as error:
        if run.state != IMPORTED:
            problems.append(str(error))
    return history, problems
