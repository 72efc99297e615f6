"""The report's plots, as SVG text."""

import io
from collections.abc import Iterable
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from model.curve_panels import COLOURS, SMOOTHED, means, running_mean
from model.history import history_of


def training_curves(logs: dict[str, Iterable[dict[str, Any]]]) -> str:
    """Contrastive loss of the towers by step, and mean recall on the validation split, one line per arm."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for colour, (arm, log) in zip(COLOURS, logs.items(), strict=False):
        history = history_of(log)
        steps, values = means(history.bins("loss/vtc"))
        left.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
        left.plot(steps, running_mean(values, max(10, len(values) // SMOOTHED)), color=colour, label=arm)
        steps, recalls = means(history.bins("validation/mean_recall"))
        right.plot(steps, recalls, color=colour, marker="o", markersize=3, label=arm)
    left.set(title="Contrastive loss of the towers (training)", xlabel="step", ylabel="loss (nats)", ylim=(0, None))
    right.set(title="Mean recall (validation)", xlabel="step", ylabel="mean of six recalls (%)", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "entityclip"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
