"""Runs everything on the demo world, from the manifest to the report."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.arms import ARMS
from flows.display.next_steps import show_next
from flows.display.printing import console
from flows.display.retrieval import show_arms
from flows.display.summaries import show_generation, show_training
from flows.project_paths import MANIFESTS, PROJECT
from flows.report import show_files
from flows.stages import Stages, evaluate_unless_measured, train_unless_finished
from model.report.write import Report, write_report
from pipeline.manifest.engine_kind import EngineKind

MANIFEST = MANIFESTS / "heraldry.yaml"
CONFIG = MANIFESTS / "heraldry" / "train.yaml"


def run_demo(
    stages: Stages,
    engine: EngineKind = "transformers",
    out: Path | None = None,
    manifest: Path = MANIFEST,
    config: Path = CONFIG,
) -> Report:
    """Generate explanations, train all arms on them with the same budget, evaluate the arms, and write the report.

    Finished work is reused: explanations with the same keys, and runs with the same settings and shards. Interrupted
    training runs resume from their last saved state.

    Args:
        stages: functions that run the stages, as Prefect flows or without Prefect.
        engine: engine that generates the explanations.
        out: run folder. Default: `runs/heraldry`, or `runs/heraldry-vllm` if the engine is vLLM.
        manifest: YAML file with dataset and generation settings. Default: the shipped manifest of the demo world.
        config: YAML file with the training settings shared by all arms.
    """
    name = "heraldry" if engine == "transformers" else f"heraldry-{engine}"
    out = out.resolve() if out else PROJECT / "runs" / name
    explanations = out / "explanations"
    seconds: dict[str, float] = {}
    with _timed(seconds, "generate"):
        show_generation(stages.generate(manifest, engine=engine, output=str(explanations)))
    runs = {arm: out / arm for arm in ARMS}
    overrides = {arm: [*ARMS[arm], f"data.explanations={explanations}"] for arm in ARMS}
    for arm, run in runs.items():
        console.rule(f"training {arm}", align="left")
        with _timed(seconds, f"train {arm}"):
            show_training(train_unless_finished(stages.train, config, run, overrides[arm]))
    for arm, run in runs.items():
        with _timed(seconds, f"evaluate {arm}"):
            if not evaluate_unless_measured(stages.evaluate, config, run, overrides[arm]):
                console.print(f"{arm}: already evaluated with these weights on these shards")
    with _timed(seconds, "report"):
        report = write_report(out, "EntityCLIP on the heraldry world", runs)
    show_arms(report.metrics)
    console.print(report.verdict, style="bold", markup=False)
    show_files(report)
    console.print("seconds: " + ", ".join(f"{name} {took:.1f}" for name, took in seconds.items()), markup=False)
    peaks = [resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    console.print(f"peak memory: this process {peaks[0]:.2f} GiB, largest child {peaks[1]:.2f} GiB")
    show_next("serve", out)
    show_next("inspect", explanations, "--sample", 5)
    return report


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = time.monotonic() - began
