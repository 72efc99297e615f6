"""The panels of a run's learning curves; what the run does not have, has no panel."""

from collections.abc import Callable
from functools import partial

from cycler import cycler
from matplotlib.axes import Axes

from model.tracking.history import Bin, History

# Okabe and Ito's colours, which people who see colours differently can tell apart
COLOURS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
CYCLE = {"axes.prop_cycle": cycler(color=COLOURS)}  # what "C0" to "C6" are; a dark page takes others
Panel = Callable[[Axes], None]

_FEW = 40  # points that are drawn as dots
SMOOTHED = 25  # spans of smoothing in a curve
_WIDE = 50  # times the median, from which on an axis is logarithmic
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
    """What draws a panel of each gate on its axes."""
    return [partial(_gate, history, gate) for gate in GATES if experts_of(history, gate)]


def experts_of(history: History, gate: str) -> dict[str, str]:
    """What a gate's experts are called, by the name of their weight in the history."""
    names = [name for name in history.names(f"{gate}/") if not name.endswith(EFFECTIVE)]
    return {name: name.partition("/")[2].replace("_shared", " shared").replace("_", " ") for name in names}


def curves_of(history: History) -> dict[str, Panel]:
    """What draws each panel of curves on its axes, by what it is about."""
    losses = {name: name.removeprefix("loss/") for name in history.names("loss/")}
    rates = {name: name.removeprefix("lr/") for name in history.names("lr/")}
    norms = {"report/grad_norm": "length of the gradient"}
    scale = {"report/logit_scale": "exp(logit_scale)"}
    wanted: dict[str, tuple[dict[str, str], Panel]] = {
        "losses": (losses, partial(_curves, history, losses, "losses (training)", "nats")),
        "recall": (_RECALLS, partial(_recalls, history)),
        "accuracy": (
            ACCURACIES,
            partial(_curves, history, ACCURACIES, "GI-ITM accuracy (training)", "%", factor=100.0),
        ),
        "rates": (rates, partial(_curves, history, rates, "learning rates", "per step", smoothed=False, dashed=True)),
        "scale": (
            scale,
            partial(_curves, history, scale, "logit scale", "factor of the cosine", smoothed=False),
        ),
        "norm": (norms, partial(_curves, history, norms, "gradient norm (before clipping)", "")),
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
    """Curves by name, with what they are called: faint as measured, strong as a running mean.

    `dashed`: all but the first, so that curves that lie on each other are seen to.
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
    """A row an expert, brighter where more weight is: 16 curves would be a tangle."""
    names = experts_of(history, gate)
    table = [history.bins(name) for name in names]
    weights = [[100 * weight for weight in means(bins)[1]] for bins in table]
    steps, _ = means(table[0])
    half = (steps[-1] - steps[0]) / max(1, len(steps) - 1) / 2 or 0.5
    where = (steps[0] - half, steps[-1] + half, len(names) - 0.5, -0.5)
    top = max(
        200 / len(names), *(value for row in weights for value in row)
    )  # an equal share lies in the middle or below
    picture = axes.imshow(
        weights, aspect="auto", cmap="cividis", vmin=0, vmax=top, extent=where, interpolation="nearest"
    )
    axes.set_yticks(range(len(names)), list(names.values()), fontsize=8 if len(names) <= 10 else 7)
    axes.figure.colorbar(picture, ax=axes, label="mean weight (%)", pad=0.02)
    title = GATES[gate]
    if effective := history.bins(f"{gate}/{EFFECTIVE}"):
        title += f": a pair draws on {means(effective[-1:])[1][0]:.1f} of {len(names)}"
    axes.set_title(title, fontsize=10)


def means(bins: list[Bin]) -> tuple[list[float], list[float]]:
    """Mean step and mean value of each bin."""
    return [b.steps / b.count for b in bins], [b.total / b.count for b in bins]


def running_mean(values: list[float], span: int) -> list[float]:
    """Mean of the values around each place, half a span to both sides: it does not lag behind."""
    parts = (values[max(0, place - span // 2) : place + span // 2 + 1] for place in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def _is_wide(bins: list[Bin]) -> bool:
    """Whether so great a value is among them that all others would lie flat on a linear axis."""
    values = sorted(means(bins)[1])
    return values[0] > 0 and values[-1] > _WIDE * values[len(values) // 2]


def _finish(axes: Axes, title: str, unit: str) -> None:
    labels = axes.get_legend_handles_labels()[1]
    above = len(labels) > 1
    axes.set_title(title, fontsize=10, pad=24 if above else 6)
    axes.set_ylabel(unit)
    if above:  # between title and axes, where no curve can be
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=len(labels),
            frameon=False,
            fontsize=8.5,
            handlelength=1.4,
            columnspacing=1.2,
            borderaxespad=0.2,
        )
    elif labels:
        axes.set_ylabel(labels[0])
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
