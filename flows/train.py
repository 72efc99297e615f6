"""The flow that trains on generated explanations; it does not need the LLM."""

from pathlib import Path
from typing import cast

from prefect import flow
from prefect.states import Cancelled

from flows.orchestration.artifacts import publish_training
from flows.orchestration.parameters import Override, Positive
from flows.orchestration.progress_artifact import Now, ProgressArtifact
from flows.orchestration.run_names import run_name
from flows.orchestration.states import completed
from flows.stages import train
from model.tracking.run_log import read_log
from model.training.loop import TrainResult
from model.training.stop_signal import Stopped


@flow(name="train-entityclip", flow_run_name=run_name)
def train_entityclip(
    config: Path,
    run: Path,
    overrides: list[Override] | None = None,
    overwrite: bool = False,
    allow_partial: bool = False,
    nproc: Positive = 1,
) -> TrainResult:
    """Train EntityCLIP on explanation shards, or plain CLIP if the settings disable all of EntityCLIP's modules.

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
    with ProgressArtifact("reading the explanations") as live:

        def on_step(step: int, steps: int, losses: dict[str, float]) -> None:
            live.describe = lambda: Now(100.0 * step / steps, f"step {step} of {steps}, loss {losses['total']:.4f}")

        try:
            result = train(config, run, overrides, overwrite, allow_partial, nproc, on_step)
        except Stopped as stop:
            return cast(TrainResult, Cancelled(message=str(stop)))  # the caller gets a CancelledRun
    publish_training(result, list(read_log(result.out)))
    best = "" if result.best_mean_recall is None else f", validation mean recall {result.best_mean_recall:.1f} %"
    return completed(result, f"{result.steps} steps; best step {result.best_step}{best}")
