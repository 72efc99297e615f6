"""Runs or resumes the ablation: builds models and worlds, selects learning rates, completes runs, and writes tables."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from prefect import flow

from benchmarks.ablation.arms import PLAIN
from benchmarks.ablation.explained import CAPTION, EXPLANATION, found_by
from benchmarks.ablation.plan import SIZES, Plan, Row
from benchmarks.ablation.runs import Run
from benchmarks.ablation.side_by_side import complete_runs
from benchmarks.ablation.table import Found, RowResult, as_csv, markdown, row_result, write_plot
from benchmarks.ablation.worlds import build_models
from entityclip.contract.atomic_files import written_whole
from flows.display.printing import show_lines
from flows.generate import generate_explanations
from flows.orchestration.progress_artifact import ProgressArtifact
from flows.orchestration.states import completed
from flows.project_paths import in_project


@flow(name="entityclip-ablation")
def ablate(
    out: Path, size: Literal["full", "quick", "confirmation", "harder"] = "full", workers: int | None = None
) -> list[RowResult]:
    """Compare the method's parts on heraldry worlds, and write SIZE.md, SIZE.csv and SIZE.png.

    If the size is `explained`, also evaluate the runs with explanations as queries, and write SIZE-explained.*.

    Args:
        out: folder for all results, shared by all sizes; a relative path is resolved against the project folder.
        size: the extent of the comparison, as described in docs/ablation.md.
        workers: number of concurrent runs. Default: one per core.

    Raises:
        ModelError: some runs failed; all other runs are complete.
    """
    plan = Plan(in_project(out), SIZES[size])
    workers = workers or len(os.sched_getaffinity(0))
    with ProgressArtifact("models and worlds"):
        worlds = list(dict.fromkeys(plan.worlds + plan.tuning_worlds))
        build_models(worlds, plan.checkpoints, workers)
        for world in worlds:
            world.write_manifest()
            generate_explanations(world.manifest)
            if any(row.arm.explanations == "oracle" for row in plan.rows):
                world.import_oracle()
        plan = plan.counted()
        complete_runs(plan.tuning(), workers, "learning rates")
        lrs = {row: plan.best_lr(row.arm) for row in plan.rows}
        runs = {row: plan.final(row, lr) for row, lr in lrs.items()}
        complete_runs([run for of_row in runs.values() for run in of_row.values()], workers, "runs")
        pools = plan.size.pools
        found = {row: {key: run.hits(pools) for key, run in of_row.items()} for row, of_row in runs.items()}
        results = _results(plan, runs, found)
        _write_tables(results, plan.root / plan.size.name)
        if plan.size.explained:
            asked = {row: {key: found_by(run, pools) for key, run in of_row.items()} for row, of_row in runs.items()}
            ways = []
            for way in (CAPTION, EXPLANATION):
                found = {row: {key: one[way] for key, one in of_row.items()} for row, of_row in asked.items()}
                ways.append([result.named(way) for result in _results(plan, runs, found)])
            both = [result for of_row in zip(*ways, strict=True) for result in of_row]
            _write_tables(both, plan.root / f"{plan.size.name}-explained")
    return completed(results, f"{len(results)} rows in {in_project(out) / size}.md")


def _results(
    plan: Plan, runs: Mapping[Row, Mapping[tuple[int, int], Run]], found: Mapping[Row, Found]
) -> list[RowResult]:
    """Return the results of all rows, with gains relative to plain CLIP with the same checkpoint and budget."""
    plain = {row: found[replace(row, arm=PLAIN)] for row in runs if row.arm != PLAIN}
    return [row_result(row, runs[row], found[row], plain.get(row), plan.flops[row.arm.name]) for row in runs]


def _write_tables(results: list[RowResult], path: Path) -> None:
    for ending, text in (("md", markdown(results)), ("csv", as_csv(results))):
        with written_whole(Path(f"{path}.{ending}")) as temporary:
            temporary.write_text(text, encoding="utf-8")
    write_plot(results, Path(f"{path}.png"))
    show_lines(markdown(results))
