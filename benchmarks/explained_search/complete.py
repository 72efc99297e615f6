"""Completes runs in parallel processes, and adds each to the CSV file once it is measured."""

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path

from benchmarks.ablation.side_by_side import worker_pool
from benchmarks.ablation.worlds import ONE_THREAD
from benchmarks.explained_search.arms import Arm, ArmPlan
from benchmarks.explained_search.results import Result, add_results, read_results
from benchmarks.explained_search.runs import Run
from entityclip.contract.progress import Progress
from model.errors import ModelError

Work = tuple[Run, list[Arm]]


def complete(
    work: Sequence[Work], path: Path, split: str, plan: Mapping[str, ArmPlan] | None, workers: int
) -> list[Result]:
    """Train and measure what the CSV file does not have yet; return all its rows.

    A run's folder is removed once all its arms are in the file, so the file alone says what is done.

    Args:
        plan: what was chosen, by arm; None: measure what it is chosen from.

    Raises ModelError if runs failed; the others are complete.
    """
    known = {result.key for result in read_results(path)}
    missing: dict[Run, list[Arm]] = {}
    for run, arms in work:
        if wanted := [arm for arm in arms if _key(run, arm) not in known]:
            missing.setdefault(run, []).extend(wanted)
    left = list(missing.items())
    os.environ.update(ONE_THREAD)
    failed: list[str] = []
    with (
        worker_pool(min(workers, max(1, len(left)))) as pool,
        Progress("runs", "runs", len(left), last_line=True) as progress,
    ):
        of = {pool.submit(_complete, run, arms, split, plan): run for run, arms in left}
        for done in progress.over(as_completed(of)):
            if (error := done.exception()) is not None:
                failed.append(f"{of[done].folder}: {type(error).__name__}: {error}")
            else:
                add_results(path, done.result())
    if failed:
        raise ModelError("\n  ".join([f"{len(failed)} of {len(left)} runs failed:", *failed]))
    return read_results(path)


def _key(run: Run, arm: Arm) -> tuple[int, int, str, float, int]:
    return run.world.edition, run.seed, arm.name, run.lr, run.steps


def _complete(run: Run, arms: Sequence[Arm], split: str, plan: Mapping[str, ArmPlan] | None) -> list[Result]:
    run.complete()
    found = [
        Result(*_key(run, arm), measured)
        for arm in arms
        for measured in run.measure(arm, split, None if plan is None else plan[arm.name])
    ]
    shutil.rmtree(run.folder)
    return found
