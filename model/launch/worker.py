"""One of the processes that torchrun starts: its place among them, and what becomes of it."""

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
from model.distributed.collectives import DistributedGroup
from model.distributed.device import device_of_process
from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.launch.torchrun import FAILED, FINISHED, MISTAKE, STOPPED
from model.training.stop_signal import Stopped

# A process that dies is noticed by torchrun at once. This is for those that wait while the first one ranks and saves.
_PATIENCE = timedelta(hours=2)


def one_of_several(work: Callable[[], None], report: Path | None) -> int:
    """Do this process's part of the work; the exit code is 0, 1, or 2 for something in the user's hands.

    What became of it goes to stderr, or to a file of this process in the folder `report` (`model.launch.torchrun`).
    """
    rank = int(os.environ.get("RANK", "0"))
    what, said, code = FINISHED, "", 0
    try:
        work()
    except Stopped as stop:
        what, said = STOPPED, str(stop)
    except ModelError as error:
        what, said, code = MISTAKE, f"error: {error}", 2
    except Exception as error:
        what, said, code = FAILED, f"error: {type(error).__name__}: {error}", 1
        if report is None:
            raise
    finally:
        if report is not None:
            write_json(report / f"{rank}.json", {"what": what, "said": said})
    if said and report is None and (rank == 0 or code):
        print(f"process {rank}: {said}" if code else said, file=sys.stderr)
    return code


@contextmanager
def processes_of_torchrun(device_name: str) -> Iterator[LocalGroup]:
    """This process among the others; outside torchrun there are none."""
    if "WORLD_SIZE" not in os.environ:
        yield LocalGroup()
        return
    number, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    device = device_of_process(device_name, number, here)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    _keep_until_exit(dist.group.WORLD)
    try:
        yield DistributedGroup(device)
    except Stopped:
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()  # after a failure there is perhaps nobody left to part from


def _keep_until_exit(group: object) -> None:
    """Never destruct it: gloo's destructor holds Python's lock, and waits for a thread that may be waiting for that.

    The thread does so to release the last collective's tensors, which is when a run ends that was asked to stop.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(group))
