"""The flow that reproduces the paper's tables on one of its benchmarks; called again, it goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

from prefect import flow

from entityclip.contract.atomic_files import write_json, written_whole
from flows.display.check import show_check
from flows.display.console import console, show_generation, show_training
from flows.evaluate import evaluate_entityclip
from flows.generate import generate_explanations
from flows.orchestration.states import stops_with_its_child
from flows.paper_benchmarks import PAPER_ARMS, Reproduction, open_reproduction, released_explanations
from flows.train import train_entityclip
from model.evaluation.arms_table import ArmsTable, arms_table
from model.evaluation.evaluate import read_metrics
from model.settings.load import load_settings
from model.training.run_dir import can_go_on, is_finished, is_measured
from pipeline.checking.check import CheckOptions, check_manifest
from pipeline.checking.report import CheckReport
from pipeline.errors import PipelineError
from pipeline.import_released.importer import import_explanations


@flow(name="reproduce-entityclip")
@stops_with_its_child
def reproduce(
    benchmark: str,
    root: Path,
    out: Path,
    seeds: list[int],
    generate: bool = False,
    manifest: Path | None = None,
    overrides: list[str] | None = None,
    force: bool = False,
) -> ArmsTable:
    """Check, import or generate explanations, train every arm with every seed, evaluate, and write the table.

    Args:
        benchmark: n24news, visualnews or goodnews.
        root: folder of its published files; released explanations that lie there are imported.
        out: folder of everything that is made.
        seeds: of training, the same for all arms.
        generate: generate explanations although released ones lie there.
        manifest: generate as this manifest says (its model, prompt, engine), not as the shipped one.
        overrides: changed training settings of all arms, such as `optim.epochs=1`.
        force: go on although the check found errors.

    Raises:
        PipelineError: the check found errors, or the data cannot be used.
    """
    made = open_reproduction(benchmark, root, out)
    made.write_manifest(root, manifest)
    released = [] if generate else released_explanations(made.benchmark, root)
    _check(made, generation=not released, force=force)
    shards, complete = _explain(made, released)
    made.write_config(shards)
    partial = [] if complete else ["data.allow_partial=true"]
    changed = {arm: [*method, *(overrides or []), *partial] for arm, method in PAPER_ARMS.items()}
    settings = {
        (arm, seed): load_settings(made.config, [*changed[arm], f"seed={seed}"]) for seed in seeds for arm in PAPER_ARMS
    }  # mistakes show before the first run
    measured: dict[str, dict[int, Any]] = {arm: {} for arm in PAPER_ARMS}
    for (arm, seed), wanted in settings.items():
        run = made.run(arm, seed)
        console.rule(f"{arm}, seed {seed}", align="left")
        if is_finished(run, wanted):
            console.print("trained already with these settings on these shards")
        else:
            anew = not can_go_on(run, wanted)
            show_training(train_entityclip(made.config, run, [*changed[arm], f"seed={seed}"], overwrite=anew))
        if not is_measured(run, wanted):
            evaluate_entityclip(run)
        metrics = read_metrics(run)
        measured[arm][seed] = metrics["splits"][wanted.data.splits.test] | {"step": metrics["step"]}
    table = arms_table(measured)
    write_json(out / "table.json", table.as_plain())
    with written_whole(out / "table.md") as temporary:
        temporary.write_text(table.markdown(), encoding="utf-8")
    return table


def _check(made: Reproduction, *, generation: bool, force: bool) -> None:
    """Look at the data, once for a manifest: `check.json` keeps what was found.

    Raises:
        PipelineError: errors were found, and nobody forces it.
    """
    manifest, kept = made.manifest.read_text(encoding="utf-8"), made.folder / "check.json"
    asked = {"manifest": manifest, "generation": generation}
    if kept.is_file() and (before := json.loads(kept.read_text(encoding="utf-8")))["asked"] == asked:
        report = CheckReport.model_validate(before["report"])
        console.print(f"checked before: {report.status} (see {kept})", markup=False, soft_wrap=True)
    else:
        report = check_manifest(made.manifest, CheckOptions(generation=generation))
        show_check(report, console)
        if report.status != "error":
            write_json(kept, {"asked": asked, "report": report.model_dump(mode="json")})
    if report.status == "error" and not force:
        raise PipelineError("the check found errors, see above; mend them, or go on all the same with --force")


def _explain(made: Reproduction, released: list[Path]) -> tuple[Path, bool]:
    """The shards, and whether every pair has its row."""
    console.rule("explanations", align="left")
    if not released:
        show_generation(generate_explanations(made.manifest))
        return made.folder / "explanations", True
    console.print(f"released ones: {', '.join(map(str, released))}", markup=False, soft_wrap=True)
    shards = made.folder / "explanations-released"
    summary = import_explanations(made.manifest, released, model="as released", output=shards)
    for line in summary.lines():
        console.print(line, markup=False, soft_wrap=True)
    return shards, not summary.missing
