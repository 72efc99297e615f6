"""Panels of a run's learning curves; quantities without data get no panel."""

from collections.abc import Callable
from functools import partial
from typing import Any

from cycler import cycler
from matplotlib.axes import Axes

from model.tracking.history import Bin, History

# Okabe-Ito palette, safe for colour-blind readers
COLOURS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
CYCLE = {"axes.prop_cycle": cycler(color=COLOURS)}  # defines "C0" to "C6"; the dark theme replaces them
Panel = Callable[[Axes], None]

_FEW = 40  # curves with at most this many points get markers
SMOOTHED = 25  # smoothing windows per curve
_WIDE = 50  # ratio of maximum to median above which the axis is logarithmic
EFFECTIVE = "effective_experts"
GATES = {
    "image_gate": "image gate (MMAE)",
    "text_gate": "text gate (MMAE)",
    "matching_gate": "matching gate (GI-ITM)",
}
_RECALLS = {
    "validation/mean_recall": "mean recall",
    "validation/image_to_text/R@1": "R@1 by image",
    "validation/text_to_image/R@1": "R@1 by text",
}
ACCURACIES = {
    "report/itm_accuracy_positive": "true pair",
    "report/itm_accuracy_wrong_text": "wrong text",
    "report/itm_accuracy_wrong_image": "wrong image",
}


def gates_of(history: History) -> list[Panel]:
    """Return, for each gate with data, a function that draws its panel."""
    return [partial(_gate, history, gate) for gate in GATES if experts_of(history, gate)]


def experts_of(history: History, gate: str) -> dict[str, str]:
    """Map the metric names of a gate's expert weights to display names."""
    names = [name for name in history.names(f"{gate}/") if not name.endswith(EFFECTIVE)]
    return {name: name.partition("/")[2].replace("_shared", " shared").replace("_", " ") for name in names}


def curves_of(history: History) -> dict[str, Panel]:
    """Return, by topic, functions that draw the panels of the curves that have data."""
    losses = {name: name.removeprefix("loss/") for name in history.names("loss/")}
    rates = {name: name.removeprefix("lr/") for name in history.names("lr/")}
    norms = {"report/grad_norm": "gradient norm"}
    scale = {"report/logit_scale": "exp(logit_scale)"}
    curves = partial(partial, _curves, history)  # curves(...)(axes) draws them
    wanted: dict[str, tuple[dict[str, str], Panel]] = {
        "losses": (losses, curves(losses, "losses (training)", "nats")),
        "recall": (_RECALLS, partial(_recalls, history)),
        "accuracy": (ACCURACIES, curves(ACCURACIES, "GI-ITM accuracy (training)", "%", factor=100.0)),
        "rates": (rates, curves(rates, "learning rates", "per step", smoothed=False, dashed=True)),
        "scale": (scale, curves(scale, "logit scale", "factor of the cosine", smoothed=False)),
        "norm": (norms, curves(norms, "gradient norm (before clipping)", "")),
    }
    return {about: draw for about, (names, draw) in wanted.items() if any(history.bins(name) for name in names)}


def _curves(
    history: History,
    names: dict[str, str],
    title: str,
    unit: str,
    axes: Axes,
    *,
    factor: float = 1.0,
    smoothed: bool = True,
    dashed: bool = False,
) -> None:
    """Draw labelled curves: raw values faint, running means in full colour.

    `dashed` applies to all but the first curve, so that coinciding curves remain visible.
    """
    shown = {label: bins for name, label in names.items() if (bins := history.bins(name))}
    for number, (label, bins) in enumerate(shown.items()):
        colour = f"C{number}"
        steps, values = means(bins)
        values = [factor * value for value in values]
        if smoothed and len(bins) > _FEW:
            axes.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8)
            values = running_mean(values, max(2, len(values) // SMOOTHED))
        marker = "o" if len(bins) <= _FEW else None
        line = "--" if dashed and number else "-"
        axes.plot(steps, values, line, color=colour, label=label, linewidth=1.6, marker=marker, markersize=3.5)
    if _is_wide([b for bins in shown.values() for b in bins]):
        axes.set_yscale("log")
    elif unit == "%":
        axes.set_ylim(bottom=0, top=100 if factor == 100 else None)
    _finish(axes, title, unit)


def _recalls(history: History, axes: Axes) -> None:
    bins = history.bins("validation/mean_recall")
    best = max(bins, key=lambda b: b.high)
    title = f"validation recall (best mean {best.high:.1f} % at step {best.steps / best.count:.0f})"
    _curves(history, _RECALLS, title, "%", axes, smoothed=False)


def _gate(history: History, gate: str, axes: Axes) -> None:
    """Draw a heat map of expert weights by step, because up to 16 lines in one plot would be unreadable."""
    names = experts_of(history, gate)
    table = [history.bins(name) for name in names]
    weights = [[100 * weight for weight in means(bins)[1]] for bins in table]
    steps, _ = means(table[0])
    half = (steps[-1] - steps[0]) / max(1, len(steps) - 1) / 2 or 0.5
    where = (steps[0] - half, steps[-1] + half, len(names) - 0.5, -0.5)
    # a uniform weight is at or below the middle of the colour scale
    top = max(200 / len(names), *(value for row in weights for value in row))
    picture = axes.imshow(
        weights, aspect="auto", cmap="cividis", vmin=0, vmax=top, extent=where, interpolation="nearest"
    )
    axes.set_yticks(range(len(names)), list(names.values()), fontsize=8 if len(names) <= 10 else 7)
    axes.figure.colorbar(picture, ax=axes, label="mean weight (%)", pad=0.02)
    title = GATES[gate]
    if effective := history.bins(f"{gate}/{EFFECTIVE}"):
        title += f": {means(effective[-1:])[1][0]:.1f} of {len(names)} experts effective"
    axes.set_title(title, fontsize=10)


def means(bins: list[Bin]) -> tuple[list[float], list[float]]:
    """Return the mean step and mean value of each bin."""
    return [b.steps / b.count for b in bins], [b.total / b.count for b in bins]


def running_mean(values: list[float], span: int) -> list[float]:
    """Return the running mean over `span` values, centred so that it does not lag."""
    parts = (values[max(0, place - span // 2) : place + span // 2 + 1] for place in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def _is_wide(bins: list[Bin]) -> bool:
    """Return True if the largest value would flatten all others on a linear axis."""
    values = sorted(means(bins)[1])
    return values[0] > 0 and values[-1] > _WIDE * values[len(values) // 2]


def legend_above(axes: Axes, columns: int) -> None:
    """Place the legend between the title and the axes, where it hides no curve."""
    where: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    axes.legend(**where, ncols=columns, frameon=False, fontsize=8.5, handlelength=1.4, columnspacing=1.2)


def _finish(axes: Axes, title: str, unit: str) -> None:
    labels = axes.get_legend_handles_labels()[1]
    above = len(labels) > 1
    axes.set_title(title, fontsize=10, pad=24 if above else 6)
    axes.set_ylabel(unit)
    if above:
        legend_above(axes, len(labels))
    elif labels:
        axes.set_ylabel(labels[0])
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
