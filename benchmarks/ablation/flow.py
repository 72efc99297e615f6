"""The ablation's flow: builds models and worlds, selects learning rates, completes the final runs, writes tables.

Running it again resumes.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from prefect import flow

from benchmarks.ablation.arms import PLAIN
from benchmarks.ablation.explained import explained_results, found_by
from benchmarks.ablation.plan import SIZES, Plan, Row
from benchmarks.ablation.side_by_side import complete_runs
from benchmarks.ablation.table import RowResult, as_csv, markdown, row_result, write_plot
from benchmarks.ablation.worlds import build_models
from entityclip.contract.atomic_files import written_whole
from flows.display.printing import show_lines
from flows.generate import generate_explanations
from flows.orchestration.progress_artifact import ProgressArtifact
from flows.orchestration.states import completed
from flows.project_paths import in_project

_T = TypeVar("_T")


@flow(name="entityclip-ablation")
def ablate(
    out: Path, size: Literal["full", "quick", "confirmation", "harder"] = "full", workers: int | None = None
) -> list[RowResult]:
    """Compare the method's parts on heraldry worlds, and write SIZE.md, SIZE.csv and SIZE.png.

    Sizes with `explained` also write SIZE-explained.md etc., for the same runs with explanations as queries.

    Args:
        out: folder for all results, shared by the sizes; a relative path is resolved against the project folder.
        size: the extent of the comparison, as described in docs/ablation.md.
        workers: concurrent runs; by default one per core.
    """
    results = run_ablation(Plan(in_project(out), SIZES[size]), workers or len(os.sched_getaffinity(0)))
    return completed(results, f"{len(results)} rows in {in_project(out) / size}.md")


def run_ablation(plan: Plan, workers: int) -> list[RowResult]:
    """Run the ablation for a plan of any size.

    Raises:
        ModelError: some runs failed; all other runs are complete.
    """
    with ProgressArtifact("models and worlds"):
        worlds = list(dict.fromkeys(plan.worlds + plan.tuning_worlds))
        build_models(worlds, plan.checkpoints, workers)
        oracle = any(row.arm.explanations == "oracle" for row in plan.rows)
        for world in worlds:
            world.write_manifest()
            generate_explanations(world.manifest)
            if oracle:
                world.import_oracle()
        plan = plan.counted()
        complete_runs(plan.tuning(), workers, "learning rates")
        lrs = {row: plan.best_lr(row.arm) for row in plan.rows}
        runs = {row: plan.final(row, lr) for row, lr in lrs.items()}
        complete_runs([run for of_row in runs.values() for run in of_row.values()], workers, "runs")
        results = [
            row_result(row, of_row, _plain(runs, row), plan.flops[row.arm.name], plan.size.pools)
            for row, of_row in runs.items()
        ]
        _write_tables(results, plan.root / plan.size.name)
        if plan.size.explained:
            found = {
                row: {key: found_by(run, plan.size.pools) for key, run in of_row.items()}
                for row, of_row in runs.items()
            }
            each = [explained_results(result, found[result.row], _plain(found, result.row)) for result in results]
            _write_tables([way for ways in each for way in ways], plan.root / f"{plan.size.name}-explained")
    return results


def _plain(of_rows: Mapping[Row, _T], row: Row) -> _T | None:
    """Return plain CLIP's entry for the same checkpoint and budget; None for plain CLIP itself."""
    return None if row.arm == PLAIN else of_rows[Row(row.checkpoint, row.budget, PLAIN)]


def _write_tables(results: list[RowResult], path: Path) -> None:
    for ending, text in (("md", markdown(results)), ("csv", as_csv(results))):
        with written_whole(Path(f"{path}.{ending}")) as temporary:
            temporary.write_text(text, encoding="utf-8")
    write_plot(results, Path(f"{path}.png"))
    show_lines(markdown(results))
