"""The flow that measures retrieval of a trained run."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.live_run import LiveRun
from flows.project_paths import in_project
from flows.states import completed
from flows.training_artifacts import publish_metrics
from model.evaluation import evaluate


@flow(name="evaluate-entityclip")
def evaluate_entityclip(
    run: Path, splits: list[str] | None = None, explanations: Path | None = None, allow_partial: bool = False
) -> dict[str, dict[str, Any]]:
    """Measure a run's checkpoint on splits and write `metrics.json` beside it; returns their metrics, by split.

    Args:
        run: folder of a training run; a relative path starts at the project.
        splits: by default the test split of the run's settings.
        explanations: other shards than the run's settings name (an imported checkpoint names none); a relative path
            starts at the project.
        allow_partial: measure on what is there of explanations that are not complete.
    """
    folder = in_project(run)
    with LiveRun("measuring"):
        other = explanations and in_project(explanations)
        by_split = evaluate(folder, splits or (), explanations=other, allow_partial=allow_partial)
    publish_metrics(folder, by_split)
    found = [
        f"{metrics['mean_recall']:.1f} % on the {split} split, {metrics['gallery']:,} candidates"
        for split, metrics in by_split.items()
    ]
    return completed(by_split, f"mean recall {'; '.join(found)}")
