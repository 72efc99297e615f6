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
    run: Path, split: str | None = None, explanations: Path | None = None, allow_partial: bool = False
) -> dict[str, Any]:
    """Measure a run's checkpoint on a split and write `metrics.json` beside it.

    Args:
        run: folder of a training run; a relative path starts at the project.
        split: the split; by default the test split of the run's settings.
        explanations: other shards than the run's settings name (an imported checkpoint names none); a relative path
            starts at the project.
        allow_partial: measure on what is there of explanations that are not complete.
    """
    folder = in_project(run)
    with LiveRun("measuring"):
        other = explanations and in_project(explanations)
        metrics = evaluate(folder, split, explanations=other, allow_partial=allow_partial)
    publish_metrics(folder, metrics)
    where = f"the {metrics['split']} split, {metrics['gallery']:,} candidates"
    return completed(metrics, f"mean recall {metrics['mean_recall']:.1f} % on {where}")
