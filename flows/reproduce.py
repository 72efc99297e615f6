"""Reproduces the paper's table on one of its benchmarks. If interrupted, it resumes when it is called again."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from entityclip.contract.atomic_files import write_json, written_whole
from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import read_object
from flows.arms import SEARCH_ARMS
from flows.display.check import show_check
from flows.display.printing import console, show_lines
from flows.display.summaries import show_generation, show_training
from flows.paper_benchmarks import PAPER_ARMS, Reproduction, open_reproduction, released_explanations
from flows.stages import Stages, train_unless_finished
from model.evaluation.arms_table import ArmsTable, arms_table
from model.evaluation.evaluate import read_metrics
from model.evaluation.explained import PROTOCOLS
from model.evaluation.reader import explained_record
from model.settings.load import load_settings
from model.training.run_dir import is_measured
from pipeline.checking.check import CheckOptions, check_manifest
from pipeline.checking.report import CheckReport
from pipeline.errors import PipelineError
from pipeline.import_released.importer import import_explanations


def reproduce(
    stages: Stages,
    benchmark: str,
    root: Path,
    out: Path,
    seeds: list[int],
    generate: bool = False,
    manifest: Path | None = None,
    overrides: list[str] | None = None,
    force: bool = False,
    explained: bool = False,
) -> ArmsTable:
    """Check the data, import or generate explanations, train and evaluate each arm with each seed, and write a table.

    Args:
        stages: functions that run the stages, as Prefect flows or without Prefect.
        benchmark: n24news, visualnews or goodnews.
        root: folder with the benchmark's published files; released explanations found there are imported.
        out: folder for all results.
        seeds: training seeds, the same for all arms.
        generate: whether to generate explanations even if there are released ones.
        manifest: manifest whose model, prompt and engine are used. Default: the benchmark's shipped manifest.
        overrides: overrides of training settings, applied to all arms, such as `optim.epochs=1`.
        force: whether to continue even if the check finds errors.
        explained: whether to train the arms for search with explanations as well, and to measure all arms with
            explanations, too. The table's rows then name the protocol.

    Raises:
        PipelineError: the check found errors, or the data cannot be used.
    """
    reproduction = open_reproduction(benchmark, root, out)
    reproduction.write_manifest(root, manifest)
    released = [] if generate else released_explanations(reproduction.benchmark, root)
    _check(reproduction, generation=not released, force=force)
    shards, complete = _explain(stages, reproduction, released)
    reproduction.write_config(shards)
    partial = [] if complete else ["data.allow_partial=true"]
    arms = PAPER_ARMS | (SEARCH_ARMS if explained else {})
    changed = {arm: [*method, *(overrides or []), *partial] for arm, method in arms.items()}
    overridden = {(arm, seed): [*changed[arm], f"seed={seed}"] for seed in seeds for arm in arms}
    # load all settings here, so that errors are reported before the first run
    settings = {key: load_settings(reproduction.config, values) for key, values in overridden.items()}
    measured: dict[str, dict[int, Any]] = {}
    for (arm, seed), wanted in settings.items():
        run = reproduction.run(arm, seed)
        console.rule(f"{arm}, seed {seed}", align="left")
        show_training(train_unless_finished(stages.train, reproduction.config, run, overridden[arm, seed]))
        if not is_measured(run, wanted) or (explained and not explained_record(run)):
            stages.evaluate(run, **({"explained": True} if explained else {}))
        for row, metrics in _rows(arm, run, wanted.data.splits.test, explained=explained).items():
            measured.setdefault(row, {})[seed] = metrics
    table = arms_table(measured)
    write_json(out / "table.json", table.as_plain())
    with written_whole(out / "table.md") as temporary:
        temporary.write_text(table.markdown(), encoding="utf-8")
    return table


def _rows(arm: str, run: Path, split: str, *, explained: bool) -> dict[str, dict[str, Any]]:
    """Return a run's metrics on a split by row of the table: of the arm, or of the arm by each protocol."""
    metrics = read_metrics(run)
    step = {"step": metrics["step"]}
    if not explained:
        return {arm: metrics["splits"][split] | step}
    found = explained_record(run)["splits"][split]["protocols"]
    return {
        f"{arm}: {name}": found[protocol] | step | {"split": split}
        for protocol, name in PROTOCOLS.items()
        if protocol in found
    }


def _check(reproduction: Reproduction, *, generation: bool, force: bool) -> None:
    """Check the data, unless `check.json` holds the report of an earlier check of the same manifest.

    Raises:
        PipelineError: the check found errors, and `force` is False.
    """
    manifest, file = reproduction.manifest.read_text(encoding="utf-8"), reproduction.folder / "check.json"
    asked = {"manifest": manifest, "generation": generation}
    report = _checked_before(file, asked)
    if report is not None:
        show_lines(f"already checked: {report.status} (see {file})")
    else:
        report = check_manifest(reproduction.manifest, CheckOptions(generation=generation))
        show_check(report, console)
        if report.status != "error":
            write_json(file, {"asked": asked, "report": report.model_dump(mode="json")})
    if report.status == "error" and not force:
        raise PipelineError("the check found errors (see above); fix them, or continue anyway with --force")


def _checked_before(file: Path, asked: dict[str, Any]) -> CheckReport | None:
    """Return the report of an earlier check of the same manifest; a damaged file has none."""
    try:
        earlier = read_object(file)
        return CheckReport.model_validate(earlier.get("report")) if earlier.get("asked") == asked else None
    except (FileNotFoundError, ContractError, ValidationError):
        return None


def _explain(stages: Stages, reproduction: Reproduction, released: list[Path]) -> tuple[Path, bool]:
    """Import the `released` explanations or generate new ones; return their folder and whether every pair has a row."""
    console.rule("explanations", align="left")
    if not released:
        show_generation(stages.generate(reproduction.manifest))
        return reproduction.folder / "explanations", True
    show_lines(f"released files: {', '.join(map(str, released))}")
    shards = reproduction.folder / "explanations-released"
    summary = import_explanations(reproduction.manifest, released, model="as released", output=shards)
    show_lines(*summary.lines())
    return shards, not summary.missing
