"""The flow that chains it all for a dataset: explanations, training of all arms, evaluation, report."""

from pathlib import Path

from prefect import flow

from flows.arms import ARMS
from flows.evaluate import evaluate_entityclip
from flows.generate import generate_explanations
from flows.orchestration.artifacts import publish_report
from flows.orchestration.parameters import Override, Positive, Ranges
from flows.orchestration.progress_artifact import Now, ProgressArtifact
from flows.orchestration.states import completed, stops_with_its_child
from flows.project_paths import absolute_overrides, in_project
from flows.train import train_entityclip
from model.report.write import Report, write_report
from model.settings.load import load_settings
from model.training.run_dir import can_go_on, is_finished
from pipeline.job import open_job
from pipeline.manifest.engine_kind import EngineKind


@flow(name="entityclip")
@stops_with_its_child
def run_entityclip(
    manifest: Path,
    config: Path,
    out: Path,
    limit: Positive | None = None,
    engine: EngineKind | None = None,
    ranges: Ranges = 1,
    overrides: list[Override] | None = None,
    nproc: Positive = 1,
) -> Report:
    """Generate a dataset's explanations, train plain CLIP, EntityCLIP and our anchors, evaluate them, write the report.

    What is finished already is kept: explanations by their keys, runs by their settings and shards.

    Args:
        manifest: YAML file that names dataset, model, prompt and sampling; a relative path starts at the project.
        config: YAML file of training settings; a relative path starts at the project.
        out: folder for the runs and the report; a relative path starts at the project.
        limit: explain the first so many pairs only, and train and evaluate on what there is then.
        engine: another engine than the manifest's, at its defaults.
        ranges: split the shards into so many ranges, each a flow run of its own on the work pool.
        overrides: changed training settings of all arms, such as `optim.lr=1e-3`.
        nproc: processes on this machine that share every batch of a training.
    """
    explanations = open_job(in_project(manifest)).output  # mistakes show before the first child
    folder, allow_partial = in_project(out), limit is not None
    stages = ["explanations", *(f"{verb} {arm}" for verb in ("train", "evaluate") for arm in ARMS), "report"]
    done: list[str] = []
    with ProgressArtifact(stages[0]) as live:
        live.describe = lambda: Now(100.0 * len(done) / len(stages), f"{stages[min(len(done), len(stages) - 1)]}")
        generate_explanations(manifest, limit, engine, ranges=ranges)
        done.append(stages[0])
        runs = {arm: folder / arm for arm in ARMS}
        for arm, run in runs.items():
            changed = [*absolute_overrides(overrides or []), *ARMS[arm], f"data.explanations={explanations}"]
            partial = ["data.allow_partial=true"] if allow_partial else []
            settings = load_settings(in_project(config), [*changed, *partial])
            if not is_finished(run, settings):
                anew = not can_go_on(run, settings)
                train_entityclip(config, run, changed, anew, allow_partial, nproc)
            done.append(arm)
        for arm, run in runs.items():
            evaluate_entityclip(run, allow_partial=allow_partial)
            done.append(arm)
        report = write_report(folder, f"EntityCLIP on {in_project(manifest).stem}", runs)
        publish_report(report.path)
    return completed(report, report.verdict)
