"""Evaluation in several processes of this machine: torchrun, and what became of it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.checkpoints.checkpoint import read_checkpoint_card
from model.distributed.device import device_of_process
from model.errors import ProcessError
from model.evaluation.evaluate import evaluate, evaluation_plan, read_metrics
from model.launch.torchrun import Ends, start_torchrun

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
        process = start_torchrun(Path(folder), "model.launch.evaluate_worker", arguments, **how)
        try:
            process.wait()
        finally:
            if process.poll() is None:  # Ctrl-C reaches us alone
                process.terminate()
                process.wait()
        ends = Ends(Path(folder), count, process.returncode)
    if not ends.well:
        ends.raise_mistake()
        raise ProcessError(f"an evaluation by {count} processes on {device.type} failed:\n  {ends.in_words()}")
    measured = read_metrics(run)["splits"]
    return {name: measured[name] for name in names}
