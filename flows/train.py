"""The flow that trains on generated explanations; it does not need the LLM."""

from pathlib import Path
from typing import cast

from prefect import flow
from prefect.states import Cancelled

from flows.orchestration.artifacts import publish_training
from flows.orchestration.parameters import Override, Positive
from flows.orchestration.progress_artifact import Now, ProgressArtifact
from flows.orchestration.states import completed
from flows.project_paths import absolute_overrides, in_project, naming_the_manifest
from model.errors import ModelError
from model.launch.train import train_in_processes
from model.settings.load import load_settings
from model.settings.schema import TrainSettings
from model.tracking.run_log import read_log
from model.training.loop import TrainResult
from model.training.run_dir import can_go_on, is_finished
from model.training.stop_signal import Stopped


@flow(name="train-entityclip")
def train_entityclip(
    config: Path,
    run: Path,
    overrides: list[Override] | None = None,
    overwrite: bool = False,
    allow_partial: bool = False,
    nproc: Positive = 1,
) -> TrainResult:
    """Train EntityCLIP, or plain CLIP if all of its modules are disabled, on explanation shards.

    An unfinished run in the folder resumes from its last saved state. On SIGTERM, the run saves its state and ends as
    cancelled.

    Args:
        config: YAML file of training settings; may be relative to the project's root.
        run: folder for checkpoint, log and record; may be relative to the project's root.
        overrides: overrides of settings, such as `optim.lr=1e-3`; paths may be relative to the project's root.
        overwrite: start a new run, replacing any run in the folder.
        allow_partial: accept incomplete explanations, as `data.allow_partial` does.
        nproc: number of processes on this machine that share every batch, each with its own GPU if there are GPUs.
    """
    settings = _settings(config, overrides or [], allow_partial)
    with ProgressArtifact("reading the explanations") as live:

        def on_step(step: int, steps: int, losses: dict[str, float]) -> None:
            live.describe = lambda: Now(100.0 * step / steps, f"step {step} of {steps}, loss {losses['total']:.4f}")

        try:
            result = train_in_processes(settings, in_project(run), nproc, on_step, overwrite=overwrite)
        except ModelError as error:
            raise ModelError(naming_the_manifest(str(error), settings.data.explanations)) from error
        except Stopped as stop:
            return cast(TrainResult, Cancelled(message=str(stop)))  # the caller gets a CancelledRun
    publish_training(result, list(read_log(result.out)))
    best = "" if result.best_mean_recall is None else f", validation mean recall {result.best_mean_recall:.1f} %"
    return completed(result, f"{result.steps} steps; best step {result.best_step}{best}")


def train_unless_finished(
    config: Path, run: Path, overrides: list[str], allow_partial: bool = False, nproc: int = 1
) -> TrainResult | None:
    """Train as `train_entityclip` does, replacing a run that has other settings or shards.

    Return None if the run is already finished with these settings on these shards.
    """
    settings, folder = _settings(config, overrides, allow_partial), in_project(run)
    if is_finished(folder, settings):
        return None
    return train_entityclip(config, run, overrides, not can_go_on(folder, settings), allow_partial, nproc)


def _settings(config: Path, overrides: list[str], allow_partial: bool) -> TrainSettings:
    partial = ["data.allow_partial=true"] if allow_partial else []
    return load_settings(in_project(config), [*absolute_overrides(overrides), *partial])
