"""Training in several processes: `torchrun ... -m model.launch SETTINGS --out RUN` is one of them.

    torchrun --nproc-per-node 2 -m model.launch SETTINGS --out RUN [--set KEY=VALUE] [--overwrite]

On several nodes the same with torchrun's --nnodes and --rdzv-endpoint. What became of the run goes to stderr; with
`--report FOLDER` (see `model.several_processes`) it also goes to a file of each process.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from model.device import device_of_process
from model.distributed import Processes
from model.errors import ModelError
from model.files import write_json
from model.one_process import OneProcess
from model.settings_file import load_settings
from model.stop_signal import Stopped
from model.training import train

# A process that dies is noticed by torchrun at once. This is for those that wait while the first one ranks and saves.
_PATIENCE = timedelta(hours=2)
FINISHED, STOPPED, MISTAKE, FAILED = "finished", "stopped", "mistake", "failed"


def main(arguments: list[str] | None = None) -> int:
    """Train as one process of several; the exit code is 0, 1, or 2 for something in the user's hands."""
    parser = argparse.ArgumentParser(prog="python -m model.launch", description="Train, as one process of torchrun's.")
    parser.add_argument("settings", type=Path, help="YAML file of training settings")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and record")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting (repeatable)")
    parser.add_argument("--overwrite", action="store_true", help="begin anew, whatever run is in that folder")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    rank = int(os.environ.get("RANK", "0"))
    what, said, code = FINISHED, "", 0
    try:
        settings = load_settings(given.settings, given.set)
        with _processes(settings.device) as processes:
            train(settings, given.out, overwrite=given.overwrite, processes=processes)
    except Stopped as stop:
        what, said = STOPPED, str(stop)
    except ModelError as error:
        what, said, code = MISTAKE, f"error: {error}", 2
    except Exception as error:
        what, said, code = FAILED, f"error: {type(error).__name__}: {error}", 1
        if given.report is None:
            raise
    finally:
        if given.report is not None:
            write_json(given.report / f"{rank}.json", {"what": what, "said": said})
    if said and (given.report is None) and (rank == 0 or code):
        print(f"process {rank}: {said}" if code else said, file=sys.stderr)
    return code


@contextmanager
def _processes(device_name: str) -> Iterator[OneProcess]:
    """This process among the others; outside torchrun there are none."""
    if "WORLD_SIZE" not in os.environ:
        yield OneProcess()
        return
    number, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    device = device_of_process(device_name, number, here)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(device)
    except Stopped:
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()  # after a failure there is perhaps nobody left to part from


if __name__ == "__main__":
    sys.exit(main())
