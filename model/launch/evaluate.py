"""Evaluation in several processes: the launcher on this machine, and the entry point of each process.

    torchrun --nproc-per-node 2 -m model.launch.evaluate RUN [--split SPLIT] [--explanations FOLDER] [--allow-partial]

The processes share the encoding; the first one computes and writes the metrics. For several nodes, add torchrun's
--nnodes and --rdzv-endpoint, with RUN and the data in a shared folder.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.distributed.device import device_of_process
from model.errors import ProcessError
from model.evaluation.evaluate import evaluate, evaluation_plan, read_metrics
from model.launch.torchrun import Outcomes, start_torchrun
from model.launch.worker import run_process, torchrun_group
from model.run_files import read_checkpoint_card

_SHUTDOWN_SECONDS = 30  # from SIGTERM to SIGKILL; there is nothing to save


def evaluate_in_processes(
    run: Path, splits: Sequence[str] = (), *, count: int, explanations: Path | None = None, allow_partial: bool = False
) -> dict[str, dict[str, Any]]:
    """Evaluate like `model.evaluation.evaluate.evaluate`, with the encoding shared by `count` processes.

    Raises the same errors as `evaluate`. If a process dies or fails, ends the other processes and raises ProcessError.
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
        how: dict[str, Any] = {"count": count, "threads": plan.threads, "shutdown_seconds": _SHUTDOWN_SECONDS}
        with start_torchrun(Path(folder), "model.launch.evaluate", arguments, **how) as process:
            process.wait()
        outcomes = Outcomes(Path(folder), count, process.returncode)
    if not outcomes.succeeded:
        outcomes.raise_model_error()
        raise ProcessError(f"evaluation in {count} processes on {device.type} failed:\n  {outcomes.summary()}")
    metrics = read_metrics(run)["splits"]
    return {name: metrics[name] for name in names}


def main(arguments: list[str] | None = None) -> int:
    """Evaluate as one of several processes; return exit code 0 (success), 1 (failure) or 2 (user error)."""
    parser = argparse.ArgumentParser(
        prog="python -m model.launch.evaluate", description="Evaluate as one of several processes."
    )
    parser.add_argument("run", type=Path, help="folder of a training run")
    parser.add_argument("--split", action="append", default=[], help="split to evaluate (repeatable)")
    parser.add_argument("--explanations", type=Path, help="folder of shards (default: from the run's settings)")
    parser.add_argument("--allow-partial", action="store_true", help="evaluate even if explanations are incomplete")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)

    def work() -> None:
        with torchrun_group(evaluation_plan(given.run, given.explanations).device) as processes:
            evaluate(
                given.run,
                given.split,
                explanations=given.explanations,
                allow_partial=given.allow_partial,
                processes=processes,
            )

    return run_process(work, given.report)


if __name__ == "__main__":
    sys.exit(main())
