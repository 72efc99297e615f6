"""Defines the three stages of a run (generate, train, evaluate) as plain functions, without Prefect.

The flows call these functions. If no Prefect server is configured, the command line calls them directly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.project_paths import absolute_overrides, in_project, location_in_project, naming_the_manifest

if TYPE_CHECKING:  # each stage imports only what it needs: torch takes seconds
    from model.settings.schema import TrainSettings
    from model.training.loop import TrainResult
    from pipeline.generation.summary import GenerationSummary
    from pipeline.manifest.engine_kind import EngineKind


@dataclass(frozen=True)
class Stages:
    """The three stages, as plain functions or as flows. Both have the same parameters as this module's functions."""

    generate: "Callable[..., GenerationSummary]"
    train: "Callable[..., TrainResult]"
    evaluate: Callable[..., dict[str, dict[str, Any]]]


def generate(
    manifest: Path,
    limit: int | None = None,
    engine: "EngineKind | None" = None,
    output: str | None = None,
    redo: str | None = None,
    redo_max_tokens: int | None = None,
) -> "GenerationSummary":
    """Generate explanations in this process; `flows.generate.generate_explanations` documents the parameters."""
    from pipeline.generation.generate import generate as generate_shards
    from pipeline.generation.redo import parse_redo
    from pipeline.job import open_job

    settings = parse_redo(redo, redo_max_tokens)
    job = open_job(in_project(manifest), engine=engine, output=output and location_in_project(output))
    return generate_shards(job, limit, settings)


def train(
    config: Path,
    run: Path,
    overrides: list[str] | None = None,
    overwrite: bool = False,
    allow_partial: bool = False,
    nproc: int = 1,
    on_step: Callable[[int, int, dict[str, float]], None] | None = None,
) -> "TrainResult":
    """Train a run; `flows.train.train_entityclip` documents the parameters.

    Args:
        on_step: function called after every step with the step's number, the total number of steps, and the losses.

    Raises:
        Stopped: training received SIGTERM and has saved its state.
    """
    from model.errors import ModelError
    from model.launch.train import train_in_processes

    settings = _settings(config, overrides or [], allow_partial)
    try:
        return train_in_processes(settings, in_project(run), nproc, on_step, overwrite=overwrite)
    except ModelError as error:
        raise ModelError(naming_the_manifest(str(error), settings.data.explanations)) from error


def train_unless_finished(
    train_stage: "Callable[..., TrainResult]",
    config: Path,
    run: Path,
    overrides: list[str],
    allow_partial: bool = False,
    nproc: int = 1,
) -> "TrainResult | None":
    """Train with `train_stage`. An existing run with different settings or shards is replaced.

    Return None if the run is already finished with these settings and shards.
    """
    from model.training.run_dir import can_go_on, is_finished

    settings, folder = _settings(config, overrides, allow_partial), in_project(run)
    if is_finished(folder, settings):
        return None
    return train_stage(config, run, overrides, not can_go_on(folder, settings), allow_partial, nproc)


def evaluate_unless_measured(
    evaluate_stage: Callable[..., Any], config: Path, run: Path, overrides: list[str], allow_partial: bool = False
) -> bool:
    """Evaluate with `evaluate_stage`; return False if the run's metrics are those of its weights and test shards."""
    from model.training.run_dir import is_measured

    if is_measured(in_project(run), _settings(config, overrides, allow_partial)):
        return False
    evaluate_stage(run, allow_partial=allow_partial)
    return True


def _settings(config: Path, overrides: list[str], allow_partial: bool) -> "TrainSettings":
    from model.settings.load import load_settings

    partial = ["data.allow_partial=true"] if allow_partial else []
    return load_settings(in_project(config), [*absolute_overrides(overrides), *partial])


def evaluate(
    run: Path,
    splits: list[str] | None = None,
    explanations: Path | None = None,
    allow_partial: bool = False,
    nproc: int = 1,
    explained: bool = False,
    alpha: float | None = None,
) -> dict[str, dict[str, Any]]:
    """Evaluate a run and return its metrics by split; `flows.evaluate.evaluate_entityclip` documents the parameters."""
    from model.evaluation.explained import evaluate_explained
    from model.launch.evaluate import evaluate_in_processes

    measure = partial(evaluate_in_processes, count=nproc)
    given: dict[str, Any] = {"explanations": explanations and in_project(explanations), "allow_partial": allow_partial}
    if explained:
        return evaluate_explained(in_project(run), splits or (), **given, alpha=alpha, measure=measure)
    return measure(in_project(run), splits or (), **given)


PLAIN = Stages(generate, train, evaluate)
