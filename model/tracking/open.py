"""Opens a run's trackers: TensorBoard and learning curves always, others on request."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from model.errors import ModelError
from model.settings.schema import LogSettings, TrainSettings
from model.tracking.trackers import Say, Tracker, Trackers, reason

_MOST_POINTS = 20_000


def check_trackers(settings: LogSettings) -> None:
    """Raise ModelError if a requested tracker is not installed. Called before any long-running work."""
    for name in settings.trackers:
        if find_spec(name) is None:
            raise ModelError(f"{name} is not installed; run pip install {name}, or remove it from log.trackers")


def open_trackers(
    run: Path, settings: TrainSettings, say: Say, *, steps: int, resumed_from: int | None = None
) -> Trackers:
    """Open the trackers of a run.

    Args:
        settings: the run's settings, which name the trackers; each tracker also records all settings.
        say: function that prints a line for the user.
        steps: the run's total number of steps.
        resumed_from: the step that the run resumes from; None for a new run.

    If a tracker cannot be opened, a new run raises ModelError; a resumed run prints the reason and continues.
    """
    # imported late: matplotlib and TensorBoard take 2 s, and only the first process of a run needs them
    from model.tracking.learning_curves import LearningCurves
    from model.tracking.tensorboard import TensorBoard

    opened: list[Tracker] = [TensorBoard(run, resumed_from), LearningCurves(run)]
    for name in settings.log.trackers:
        try:
            opened.append(_open(name, run, settings.as_plain(), resumed=resumed_from is not None))
        except Exception as error:  # each tracker raises its own errors: no login, no server, no such project
            if resumed_from is None:
                advice = "fix this, or remove it from log.trackers"
                raise ModelError(f"{name} cannot be opened: {reason(error)}; {advice}") from error
            say(f"{name} does not receive the metrics of this resumed run: {reason(error)}")
    return Trackers(opened, say, every=settings.log.every or -(-steps // _MOST_POINTS))


def _open(name: str, run: Path, config: dict[str, Any], *, resumed: bool) -> Tracker:
    # metrics go to the user's own server; usage and error reports are opt-in
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # a URL may have a password
    if name == "wandb":
        from model.tracking.wandb import WeightsAndBiases  # imported only on request: it may not be installed

        return WeightsAndBiases(run, config, resumed=resumed)
    from model.tracking.mlflow import MLflow

    return MLflow(run, config, resumed=resumed)
