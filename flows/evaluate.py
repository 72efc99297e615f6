"""The flow that measures retrieval of a trained run."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.orchestration.artifacts import publish_metrics
from flows.orchestration.parameters import Positive
from flows.orchestration.progress_artifact import ProgressArtifact
from flows.orchestration.states import completed
from flows.project_paths import in_project
from model.launch.evaluate import evaluate_in_processes


@flow(name="evaluate-entityclip")
def evaluate_entityclip(
    run: Path,
    splits: list[str] | None = None,
    explanations: Path | None = None,
    allow_partial: bool = False,
    nproc: Positive = 1,
) -> dict[str, dict[str, Any]]:
    """Measure a run's checkpoint on splits and write `metrics.json` beside it; returns their metrics, by split.

    Args:
        run: folder of a training run; a relative path starts at the project.
        splits: by default the test split of the run's settings.
        explanations: other shards than the run's settings name (an imported checkpoint names none); a relative path
            starts at the project.
        allow_partial: measure on what is there of explanations that are not complete.
        nproc: processes on this machine that share the encoding, each with a GPU of its own where there are GPUs.
    """
    folder = in_project(run)
    with ProgressArtifact("measuring"):
        other = explanations and in_project(explanations)
        how: dict[str, Any] = {"explanations": other, "allow_partial": allow_partial, "count": nproc}
        by_split = evaluate_in_processes(folder, splits or (), **how)
    publish_metrics(folder, by_split)
    found = [
        f"{metrics['mean_recall']:.1f} % on the {split} split, {metrics['gallery']:,} candidates"
        for split, metrics in by_split.items()
    ]
    return completed(by_split, f"mean recall {'; '.join(found)}")
