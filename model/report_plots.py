"""The report's plots, as SVG text."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

_COLOURS = ("#6b7280", "#2563eb", "#d97706", "#059669")


def training_curves(logs: dict[str, list[dict[str, Any]]]) -> str:
    """Contrastive loss of the towers by step, and mean recall on the validation split, one line per arm."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for colour, (arm, log) in zip(_COLOURS, logs.items(), strict=False):
        steps = [line for line in log if line["kind"] == "step"]
        values = [line["losses"]["vtc"] for line in steps]
        left.plot([s["step"] for s in steps], values, color=colour, alpha=0.2, linewidth=0.8)
        left.plot([s["step"] for s in steps], _smooth(values), color=colour, label=arm)
        validations = [line for line in log if line["kind"] == "validation"]
        recalls = [v["metrics"]["mean_recall"] for v in validations]
        right.plot([v["step"] for v in validations], recalls, color=colour, marker="o", markersize=3, label=arm)
    left.set(title="Contrastive loss of the towers (training)", xlabel="step", ylabel="loss (nats)", ylim=(0, None))
    right.set(title="Mean recall (validation)", xlabel="step", ylabel="mean of six recalls (%)", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def _smooth(values: list[float], span: int = 10) -> list[float]:
    """Mean of the last `span` values at each step."""
    return [sum(values[max(0, i - span + 1) : i + 1]) / min(i + 1, span) for i in range(len(values))]


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "entityclip"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
