"""Evaluation in several processes: what starts them on this machine, and what each of them runs.

    torchrun --nproc-per-node 2 -m model.launch.evaluate RUN [--split SPLIT] [--explanations FOLDER] [--allow-partial]

is what each runs. They share the encoding; the first ranks and writes. On several nodes the same with torchrun's
--nnodes and --rdzv-endpoint, RUN and the data in a shared folder.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.checkpoints.checkpoint import read_checkpoint_card
from model.distributed.device import device_of_process
from model.errors import ProcessError
from model.evaluation.evaluate import evaluate, evaluation_plan, read_metrics
from model.launch.torchrun import Ends, start_torchrun
from model.launch.worker import one_of_several, processes_of_torchrun

_TIME_TO_END = 30  # seconds from SIGTERM to SIGKILL; nothing is to be saved


def evaluate_in_processes(
    run: Path,
    splits: Sequence[str] = (),
    *,
    count: int,
    explanations: Path | None = None,
    allow_partial: bool = False,
) -> dict[str, dict[str, Any]]:
    """As `model.evaluation.evaluate.evaluate`, the encoding shared by `count` processes: the same metrics.

    Raises what `evaluate` raises, and ProcessError if a process dies or fails; the others are ended then.
    """
    if count == 1:
        return evaluate(run, splits, explanations=explanations, allow_partial=allow_partial)
    read_checkpoint_card(run)
    plan = evaluation_plan(run, explanations)
    device = device_of_process(plan.device, 0, count)
    names = list(dict.fromkeys(splits)) or [plan.data.splits.test]
    arguments = [str(run), *(f"--split={name}" for name in names)]
    arguments += [f"--explanations={explanations}"] if explanations else []
    arguments += ["--allow-partial"] if allow_partial else []
    with tempfile.TemporaryDirectory() as folder:
        how: dict[str, Any] = {"count": count, "threads": plan.threads, "shutdown_seconds": _TIME_TO_END}
        with start_torchrun(Path(folder), "model.launch.evaluate", arguments, **how) as process:
            process.wait()
        ends = Ends(Path(folder), count, process.returncode)
    if not ends.well:
        ends.raise_mistake()
        raise ProcessError(f"an evaluation by {count} processes on {device.type} failed:\n  {ends.in_words()}")
    measured = read_metrics(run)["splits"]
    return {name: measured[name] for name in names}


def main(arguments: list[str] | None = None) -> int:
    """Evaluate as one process of several; the exit code is 0, 1, or 2 for something in the user's hands."""
    parser = argparse.ArgumentParser(prog="python -m model.launch.evaluate", description="Evaluate, as one process.")
    parser.add_argument("run", type=Path, help="folder of a training run")
    parser.add_argument("--split", action="append", default=[], help="split to measure (repeatable)")
    parser.add_argument("--explanations", type=Path, help="other shards than the run was trained on")
    parser.add_argument("--allow-partial", action="store_true", help="measure on what is there of incomplete shards")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)

    def work() -> None:
        with processes_of_torchrun(evaluation_plan(given.run, given.explanations).device) as processes:
            evaluate(
                given.run,
                given.split,
                explanations=given.explanations,
                allow_partial=given.allow_partial,
                processes=processes,
            )

    return one_of_several(work, given.report)


if __name__ == "__main__":
    sys.exit(main())
