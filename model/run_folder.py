"""The folder of a run: who may write there, and what must not survive in it."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.anchors import ANCHORS
from model.checkpoint import CHECKPOINT
from model.errors import ModelError
from model.evaluation import METRICS
from model.files import finish_folder, remove_whole
from model.train_state import STATE, keep_last

RECORD = "train.json"
_LOCK = ".lock"


def refuse_to_lose(out: Path, overwrite: bool) -> None:
    """Raise ModelError for a finished run that nobody wants replaced, and for a file in the folder's place."""
    if (out / RECORD).exists() and not overwrite:
        raise ModelError(f"{out} holds a finished run; choose another folder, or begin anew with --overwrite")
    if out.exists() and not out.is_dir():
        raise ModelError(f"{out} is not a folder")


@contextmanager
def only_trainer(out: Path) -> Iterator[None]:
    """Nobody else trains in this folder meanwhile; the kernel frees the lock of a process that dies.

    Raises ModelError if somebody does. What their killed predecessor had all but finished is finished.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(
                f"another process trains in {out}; wait for it, stop it, or choose another folder"
            ) from None
        finish_folder(out / CHECKPOINT)
        for half in (out / STATE).glob(".*"):
            shutil.rmtree(half)
        yield


def make_room(out: Path, *, anew: bool, keep: int) -> None:
    """What an earlier run says of its weights, and the weights, must not survive beside new ones.

    Of a run that goes on rather than `anew`, all states but the last `keep` are removed.
    """
    for stale in (RECORD, METRICS):
        (out / stale).unlink(missing_ok=True)
    if not anew:
        keep_last(out, keep)
        return
    (out / ANCHORS).unlink(missing_ok=True)
    for folder in (STATE, CHECKPOINT):
        remove_whole(out / folder)
