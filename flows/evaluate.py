"""The flow that evaluates the retrieval of a trained run."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.orchestration.artifacts import mean_recalls, publish_metrics
from flows.orchestration.parameters import Positive
from flows.orchestration.progress_artifact import ProgressArtifact
from flows.orchestration.run_names import run_name
from flows.orchestration.states import completed
from flows.project_paths import in_project
from flows.stages import evaluate


@flow(name="evaluate-entityclip", flow_run_name=run_name)
def evaluate_entityclip(
    run: Path,
    splits: list[str] | None = None,
    explanations: Path | None = None,
    allow_partial: bool = False,
    nproc: Positive = 1,
    explained: bool = False,
    alpha: float | None = None,
) -> dict[str, dict[str, Any]]:
    """Evaluate a run's checkpoint, write `metrics.json` to the run folder, and return the metrics by split.

    Args:
        run: folder of a training run; may be relative to the project's root.
        splits: names of the splits to evaluate on. Default: the test split in the run's settings.
        explanations: folder of shards to use instead of the one in the run's settings (needed for an imported
            checkpoint, whose settings name no folder); may be relative to the project's root.
        allow_partial: accept incomplete explanations.
        nproc: number of processes on this machine that share the work, each with its own GPU if there are GPUs.
        explained: also measure retrieval by captions with the explanations in the shards, and write `explained.json`.
        alpha: weight of explanations against captions. Default: the best on the validation split.
    """
    with ProgressArtifact("measuring"):
        by_split = evaluate(run, splits, explanations, allow_partial, nproc, explained, alpha)
    publish_metrics(in_project(run), by_split)
    return completed(by_split, mean_recalls(by_split))
