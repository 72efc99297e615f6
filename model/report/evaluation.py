"""Evaluation section: retrieval metrics with intervals, overall, by topic and by entity frequency."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from model.report.charts import Chart, Draw, chart, finish, short
from model.report.sources import Sources

_MOST_PARTS = 30  # maximum rows of a table
_NEEDED = {"gallery", "queries", "mean_recall", "image_to_text", "text_to_image"}
_PARTS = {
    "by_topic": ("By topic", "topic"),
    "by_entity_frequency": ("By entity frequency", "training captions with the rarest name"),
}


class Part(NamedTuple):
    """A table row for one topic or frequency bucket: number of queries, and each arm's metrics (None: not measured)."""

    name: str
    queries: int
    arms: list[dict[str, Any] | None]


class PartTable(NamedTuple):
    """A table of metrics by topic or entity frequency; `left_out` is the number of rows omitted (fewest queries)."""

    title: str
    what: str
    parts: list[Part]
    left_out: int


class Evaluation(NamedTuple):
    """Content of the evaluation section.

    Attributes:
        split: the evaluated split.
        metrics: metrics by arm, for the arms measured on the split.
        missing: arms that were not measured on the split.
        stale: arms whose weights have changed since they were measured.
    """

    split: str
    metrics: dict[str, dict[str, Any]]
    tables: list[PartTable]
    charts: list[Chart]
    missing: list[str]
    stale: list[str]


def describe_evaluation(sources: Sources) -> Evaluation:
    """Build the evaluation section and draw its chart."""
    measured = {arm: _splits(run.evaluation) for arm, run in sources.arms.items()}
    split = _split_of(sources, measured)
    metrics = {arm: splits[split] for arm, splits in measured.items() if split in splits}
    frequency = frequency_of(metrics)
    return Evaluation(
        split,
        metrics,
        [table for key, (title, what) in _PARTS.items() if (table := _table(key, title, what, metrics)).parts],
        [_frequency_chart(frequency)] if frequency else [],
        [arm for arm in measured if arm not in metrics],
        [arm for arm, run in sources.arms.items() if run.evaluation.get("stale")],
    )


def frequency_of(metrics: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return metrics by arm and frequency bucket, omitting arms that have no such metrics."""
    return {arm: found["by_entity_frequency"] for arm, found in metrics.items() if found.get("by_entity_frequency")}


def _splits(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics by split, skipping malformed entries."""
    splits = evaluation.get("splits")
    if not isinstance(splits, dict):
        return {}
    return {name: found for name, found in splits.items() if isinstance(found, dict) and found.keys() >= _NEEDED}


def _split_of(sources: Sources, measured: dict[str, dict[str, Any]]) -> str:
    """Return the test split named in the settings if any arm was measured on it; otherwise the first measured split."""
    for run in sources.arms.values():
        splits = (run.settings.get("data") or {}).get("splits") or {}
        wanted = splits.get("test") if isinstance(splits, dict) else None
        if any(wanted in found for found in measured.values()):
            return str(wanted)
    return next((split for found in measured.values() for split in found), "test")


def _table(key: str, title: str, what: str, metrics: dict[str, dict[str, Any]]) -> PartTable:
    names = dict.fromkeys(name for found in metrics.values() for name in found.get(key) or {})
    parts = []
    for name in names:
        arms = [(found.get(key) or {}).get(name) for found in metrics.values()]
        parts.append(Part(name, max(arm["queries"] for arm in arms if arm is not None), arms))
    if len(parts) > _MOST_PARTS:
        parts.sort(key=lambda part: -part.queries)
    return PartTable(title, what, parts[:_MOST_PARTS], max(0, len(parts) - _MOST_PARTS))


def frequency_panel(metrics: Mapping[str, Mapping[str, dict[str, Any]]]) -> Draw:
    """Return a function that draws mean recall with intervals by frequency bucket, with the arms side by side."""
    names = list(dict.fromkeys(name for found in metrics.values() for name in found))
    width = min(0.16, 0.8 / len(metrics))

    def draw(axes: Axes) -> None:
        for number, (arm, found) in enumerate(metrics.items()):
            there = [(place, found[name]) for place, name in enumerate(names) if name in found]
            values = [part["mean_recall"] for _, part in there]
            ends = [(part.get("intervals") or {}).get("mean_recall") for _, part in there]
            errors = [
                [max(0.0, value - end[0]) if end else 0.0 for value, end in zip(values, ends, strict=True)],
                [max(0.0, end[1] - value) if end else 0.0 for value, end in zip(values, ends, strict=True)],
            ]
            places = [place + (number - (len(metrics) - 1) / 2) * width for place, _ in there]
            look: dict[str, Any] = {"fmt": "osD^v"[number % 5], "color": f"C{number}", "capsize": 4}
            axes.errorbar(places, values, yerr=errors, label=short(arm), **look)
        queries = {name: part["queries"] for found in metrics.values() for name, part in found.items()}
        axes.set_xticks(range(len(names)), [f"{name}\n{queries[name]:,} queries" for name in names], fontsize=8.5)
        axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, None))
        x = "training captions with the rarest name of a caption"
        finish(axes, "Recall by frequency of the rarest name", x, "mean recall (%)")

    return draw


def _frequency_chart(metrics: dict[str, dict[str, dict[str, Any]]]) -> Chart:
    rows = []
    for arm, found in metrics.items():
        for name, part in found.items():
            ends = (part.get("intervals") or {}).get("mean_recall")
            interval = f"{ends[0]:.1f} to {ends[1]:.1f}" if ends else "none"
            rows.append((arm, name, f"{part['queries']:,}", f"{part['mean_recall']:.1f}", interval))
    values = "; ".join(f"{arm}, {name}: {recall} %" for arm, name, _, recall, _ in rows)
    columns = ("arm", "training captions", "queries", "mean recall, %", "95 % interval")
    alt = f"Mean recall with 95 % intervals by how many training captions have the rarest name: {values}"
    return chart(frequency_panel(metrics), "Recall by entity frequency", alt, columns, rows)
