"""Evaluation in several processes: `torchrun ... -m model.launch.evaluate_worker RUN` is one of them.

    torchrun --nproc-per-node 2 -m model.launch.evaluate_worker RUN [--split SPLIT] [--explanations FOLDER]
    [--allow-partial]

They share the encoding; the first ranks and writes. On several nodes the same with torchrun's --nnodes and
--rdzv-endpoint, RUN and the data in a shared folder.
"""

import argparse
import sys
from pathlib import Path

from model.evaluation.evaluate import evaluate, evaluation_plan
from model.launch.worker import one_of_several, processes_of_torchrun


def main(arguments: list[str] | None = None) -> int:
    """Evaluate as one process of several; the exit code is 0, 1, or 2 for something in the user's hands."""
    parser = argparse.ArgumentParser(
        prog="python -m model.launch.evaluate_worker", description="Evaluate, as one process."
    )
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
