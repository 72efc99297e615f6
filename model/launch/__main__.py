"""Training in several processes: `torchrun ... -m model.launch SETTINGS --out RUN` is one of them.

    torchrun --nproc-per-node 2 -m model.launch SETTINGS --out RUN [--set KEY=VALUE] [--overwrite]

On several nodes the same with torchrun's --nnodes and --rdzv-endpoint. What became of the run goes to stderr; with
`--report FOLDER` (see `model.launch.torchrun`) it goes to a file of each process.
"""

import argparse
import sys
from pathlib import Path

from model.launch.worker import one_of_several, processes_of_torchrun
from model.settings.load import load_settings
from model.training.loop import train


def main(arguments: list[str] | None = None) -> int:
    """Train as one process of several; the exit code is 0, 1, or 2 for something in the user's hands."""
    parser = argparse.ArgumentParser(prog="python -m model.launch", description="Train, as one process of torchrun's.")
    parser.add_argument("settings", type=Path, help="YAML file of training settings")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and record")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting (repeatable)")
    parser.add_argument("--overwrite", action="store_true", help="begin anew, whatever run is in that folder")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)

    def work() -> None:
        settings = load_settings(given.settings, given.set)
        with processes_of_torchrun(settings.device) as processes:
            train(settings, given.out, overwrite=given.overwrite, processes=processes)

    return one_of_several(work, given.report)


if __name__ == "__main__":
    sys.exit(main())
