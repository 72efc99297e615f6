"""What training and evaluation leave in Prefect's UI: the curve, retrieval, links."""

from pathlib import Path
from typing import Any

from prefect.artifacts import create_table_artifact

from flows.artifacts import artifact_key, link_to
from model.training import TrainResult

_CURVE_POINTS = 20


def publish_training(result: TrainResult, log: list[dict[str, Any]]) -> None:
    """The training curve as a table, what the run came to, and a link to its checkpoint."""
    steps = [line for line in log if line["kind"] == "step"]
    every = max(1, -(-len(steps) // _CURVE_POINTS))
    recalls = {line["step"]: line["metrics"]["mean_recall"] for line in log if line["kind"] == "validation"}
    chosen = {line["step"]: line["losses"] for line in steps[every - 1 :: every]}
    names = list(steps[0]["losses"]) if steps else []
    curve: list[dict[str, Any]] = [
        {
            "step": step,
            **{name: f"{chosen[step][name]:.4f}" if step in chosen else "" for name in names},
            "validation mean recall %": f"{recalls[step]:.2f}" if step in recalls else "",
        }
        for step in sorted(chosen.keys() | recalls.keys())
    ]
    key = artifact_key("training", result.out.name)
    create_table_artifact(table=curve, key=f"{key}-curve", description=f"Losses and validation of {result.out.name}")
    link_to(result.out / "checkpoint", f"{key}-checkpoint", "checkpoint")


def publish_metrics(run: Path, by_split: dict[str, dict[str, Any]]) -> None:
    """Retrieval of a run on its splits, both ways with intervals, and by chance."""
    rows: list[dict[str, Any]] = []
    for split, metrics in by_split.items():
        for way, query in {"image_to_text": "image", "text_to_image": "caption"}.items():
            ends = (metrics["intervals"] or {}).get(way, {})
            cells = {name: _with_interval(value, ends.get(name)) for name, value in metrics[way].items()}
            rows.append({"split": split, "query": query, **cells})
        chance = {name: _with_interval(value, None) for name, value in metrics["chance"]["image_to_text"].items()}
        rows.append({"split": split, "query": "by chance", **chance})
    found = [
        f"{metrics['mean_recall']:.2f} % on the {split} split, {metrics['gallery']:,} candidates"
        for split, metrics in by_split.items()
    ]
    create_table_artifact(
        table=rows,
        key=artifact_key("retrieval", run.name),
        description=f"{run.name}: mean recall {'; '.join(found)}. In brackets: 95 % bootstrap intervals over queries",
    )


def _with_interval(value: float, ends: list[float] | None) -> str:
    return f"{value:.4g}" + (f" ({ends[0]:.4g} to {ends[1]:.4g})" if ends else "")


def publish_report(path: Path) -> None:
    """A link to the HTML report."""
    link_to(path, artifact_key("report", path.parent.name), "report")
