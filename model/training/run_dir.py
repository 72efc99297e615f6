"""Run folders: locking, removing stale files, and checking whether a folder already holds the requested run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from entityclip.contract.atomic_files import finish_folder, remove_anything, remove_leftovers, remove_whole
from entityclip.contract.digests import digest
from entityclip.contract.errors import ContractError
from entityclip.contract.yaml_file import load_yaml
from model import record_shapes
from model.checkpoints.checkpoint import checkpoint_problem
from model.checkpoints.train_state import keep_last, newest_origin
from model.data.remote_shards import local_shards
from model.errors import ModelError
from model.evaluation.evaluate import read_metrics
from model.run_files import (
    CHECKPOINT,
    METRICS,
    RECORD,
    SETTINGS,
    STATE,
    TOWERS,
    has_finished,
    read_checkpoint_card,
    read_record,
)
from model.settings.schema import TrainSettings
from model.training.anchors import ANCHORS
from model.training.resume import changes

_LOCK = ".lock"


@contextmanager
def lock_run_dir(out: Path) -> Iterator[None]:
    """Lock the folder against other training processes; the kernel releases a dead process's lock.

    Raises ModelError if another process holds the lock. Completes or removes half-written files of a killed process.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / _LOCK, timeout=0).acquire()
    except Timeout:  # an OSError, too
        raise ModelError(
            f"another process is training in {out}; wait for it, stop it, or choose another folder"
        ) from None
    except OSError as error:
        raise ModelError(
            f"{out} cannot be locked for training ({error}); delete {out / _LOCK} if no other process trains there, "
            "or choose another folder"
        ) from error
    with lock:
        finish_folder(out / CHECKPOINT)
        remove_leftovers(out)
        for half in (out / STATE).glob(".*"):
            remove_anything(half)
        yield


def clear_stale_files(out: Path, *, anew: bool, keep: int) -> None:
    """Delete an earlier run's weights and records, so that they are not mistaken for the new run's.

    A resumed run (`anew` is false) keeps its checkpoint and its last `keep` states.
    """
    for stale in (RECORD, METRICS):
        remove_anything(out / stale)
    if not anew:
        keep_last(out, keep)
        return
    remove_anything(out / ANCHORS)
    for folder in (STATE, CHECKPOINT):
        remove_whole(out / folder)


def is_finished(run: Path, settings: TrainSettings) -> bool:
    """Return True if `run` is finished, with a whole checkpoint, equivalent settings and unchanged shards."""
    if not (run / RECORD).exists() or not (run / SETTINGS).exists():
        return False
    try:
        record = read_record(run / RECORD, None, "delete it", record_shapes.RECORD)
        trained_with = load_yaml(run / SETTINGS)
    except (ModelError, ContractError):  # a damaged record does not say that the run is finished
        return False
    return checkpoint_problem(run) is None and _is_equivalent(trained_with, record.get("data", {}), settings)


def can_go_on(run: Path, settings: TrainSettings) -> bool:
    """Return True if `run` has a saved state, equivalent settings and unchanged shards, and is unfinished.

    A finished run that has lost its checkpoint counts as unfinished, as it can go on from its last states.
    """
    if has_finished(run):
        return False
    try:
        origin = newest_origin(run)
    except ModelError:
        return False
    return origin is not None and _is_equivalent(origin["settings"], origin["data"], settings)


def is_measured(run: Path, settings: TrainSettings) -> bool:
    """Return True if `metrics.json` was measured with the weights in `run`, on unchanged test shards."""
    split = settings.data.splits.test
    try:
        metrics, weights = read_metrics(run), read_checkpoint_card(run)["sha256"][TOWERS]
    except ModelError:
        return False
    if metrics.get("towers_sha256") != weights or split not in metrics["splits"]:
        return False
    return bool(metrics["splits"][split].get("shards") == _shards(settings, [split]))


def _is_equivalent(trained_with: dict[str, Any], data: dict[str, Any], settings: TrainSettings) -> bool:
    try:
        if not isinstance(trained_with, dict) or not all(c.allowed for c in changes(trained_with, settings)):
            return False
    except ModelError:
        return False
    used = {name: sha for use in data.values() for name, sha in use.get("shards", {}).items()}
    splits = settings.data.splits
    return used == _shards(settings, [split for split in (splits.train, splits.val) if split])


def _shards(settings: TrainSettings, splits: list[str]) -> dict[str, str]:
    """Return the current digests of the splits' shards, by path relative to the folder of shards."""
    folder = local_shards(settings.data.explanations)
    return {
        str(path.relative_to(folder)): digest(path)
        for split in splits
        for path in (folder / f"split={split}").glob("part-*.parquet")
    }
