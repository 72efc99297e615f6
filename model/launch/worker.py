"""Process group, exit code and outcome report of a process started by torchrun."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from entityclip.contract.atomic_files import write_json
from entityclip.contract.visible_text import visible_lines
from model.distributed.collectives import DistributedGroup
from model.distributed.device import device_of_process
from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.launch.torchrun import FAILED, FINISHED, MODEL_ERROR, STOPPED
from model.training.stop_signal import Stopped

# Torchrun notices a dead process at once; the timeout only has to exceed the time for ranking and saving in rank 0.
_TIMEOUT = timedelta(hours=2)


def run_process(work: Callable[[], None], report: Path | None) -> int:
    """Call `work`, this process's part of the job; return exit code 0 (success), 1 (failure) or 2 (user error).

    The outcome is printed to stderr, or written to the folder `report` (see `model.launch.torchrun`).
    """
    rank = int(os.environ.get("RANK", "0"))
    outcome, message, code = FINISHED, "", 0
    try:
        work()
    except Stopped as stop:
        outcome, message = STOPPED, str(stop)
    except ModelError as error:
        outcome, message, code = MODEL_ERROR, f"error: {error}", 2
    except Exception as error:
        outcome, message, code = FAILED, f"error: {type(error).__name__}: {error}", 1
        if report is None:
            raise
    finally:
        if report is not None:
            write_json(report / f"{rank}.json", {"outcome": outcome, "message": message})
    if message and report is None and (rank == 0 or code):
        print(visible_lines(f"process {rank}: {message}" if code else str(message)), file=sys.stderr)
    return code


@contextmanager
def torchrun_group(device_name: str) -> Iterator[LocalGroup]:
    """Initialise torch.distributed and yield the process group; outside torchrun, yield a LocalGroup."""
    if "WORLD_SIZE" not in os.environ:
        yield LocalGroup()
        return
    number, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    device = device_of_process(device_name, number, here)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
    # Leak a reference: gloo's destructor holds the GIL while joining a thread that may need the GIL to release the last
    # collective's tensors, which deadlocked runs that were asked to stop.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dist.group.WORLD))
    try:
        yield DistributedGroup(device)
    except Stopped:
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()  # not after a failure, when other processes may be gone
