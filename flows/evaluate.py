"""The flow that measures retrieval of a trained run."""

from pathlib import Path
from typing import Any

from prefect import flow

from model.evaluation import evaluate


@flow(name="evaluate-entityclip")
def evaluate_entityclip(
    run: Path, split: str | None = None, explanations: Path | None = None, allow_partial: bool = False
) -> dict[str, Any]:
    """Measure a run's checkpoint on a split and write `metrics.json` beside it.

    Args:
        run: folder of a training run.
        split: the split; by default the test split of the run's settings.
        explanations: other shards than the run's settings name; an imported checkpoint names none.
        allow_partial: measure on what is there of explanations that are not complete.
    """
    return evaluate(run, split, explanations=explanations, allow_partial=allow_partial)
