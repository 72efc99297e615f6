"""Names of the files in a run folder, and functions that read and check them without torch."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import check_shape, read_object
from model import record_shapes
from model.errors import ModelError

LOCAL_DIR = "local-dir:"  # open_clip's prefix for a model folder
RECORD, SETTINGS, METRICS, METRICS_LOG = "train.json", "settings.yaml", "metrics.json", "metrics.jsonl"
EXPLAINED = "explained.json"
EXPORT, READER = "entityclip_export.json", "reader"  # of an export: its record, and the towers that training began with
STATE, INDEX = "state", "index.json"
CHECKPOINT, CARD, MODEL, TOWERS = "checkpoint", "checkpoint.json", "model.safetensors", "towers.safetensors"
BASE = "towers"  # in a checkpoint: configuration and tokenizer of the model folder that training started from
CHECKPOINT_VERSION = 1
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"  # of an open_clip model folder


def read_record(path: Path, version: int | None, remedy: str, shape: TypeAdapter[Any] | None = None) -> dict[str, Any]:
    """Read a JSON object that this package wrote.

    Raises ModelError if the file is unreadable, not in format `version` (None: any), or has other fields than `shape`
    (see `model.record_shapes`); the message ends with `remedy`.
    """
    try:
        record = read_object(path)
        if version is not None and (found := record.get("format_version")) != version:
            raise ModelError(f"{path} has format {str(found)[:40]}, but this program reads format {version}; {remedy}")
        if shape is not None:
            check_shape(record, shape)
    except (OSError, ContractError) as error:
        raise ModelError(f"{path} cannot be read: {error}; {remedy}") from error
    return record


def read_checkpoint_card(run: Path) -> dict[str, Any]:
    """Return the data in `run/checkpoint/checkpoint.json`. Raises ModelError if it is absent or in another format."""
    path = run / CHECKPOINT / CARD
    if not path.exists():
        raise ModelError(f"no checkpoint at {path.parent}; train one with: entityclip train SETTINGS --out RUN")
    card = read_record(path, CHECKPOINT_VERSION, "train or import the run again", record_shapes.CARD)
    model = str(card["towers"]["model"])
    if model.startswith(LOCAL_DIR):
        card["towers"]["model"] = LOCAL_DIR + str((path.parent / model.removeprefix(LOCAL_DIR)).resolve())
    return card


def holds_model(folder: Path) -> bool:
    """Return whether a folder has the files of a run, a checkpoint or an open_clip model. Reads none of them."""
    return any((folder / name).exists() for name in (CARD, f"{CHECKPOINT}/{CARD}", CONFIG))


def check_model(folder: Path) -> None:
    """Raise ModelError unless a folder has the files of a run, a checkpoint or an open_clip model."""
    if not holds_model(folder):
        raise ModelError(f"no model at {folder}; give the folder of a run or of an export")


def find_run(folder: Path) -> Path:
    """Return the run folder, given either the run folder itself or its checkpoint folder."""
    return folder.resolve().parent if (folder / CARD).exists() else folder


def run_of(folder: Path) -> Path | None:
    """Return the run folder, given it or its checkpoint folder; None if the folder holds no checkpoint of a run."""
    run = find_run(folder)
    return run if (run / CHECKPOINT / CARD).exists() else None


def check_index(folder: Path) -> None:
    """Raise ModelError if a folder is not an index."""
    if not (folder / INDEX).exists():
        raise ModelError(f"no index at {folder}; build one with: entityclip index RUN {folder}")


def check_import(path: Path, out: Path) -> None:
    """Raise ModelError if there is no file to import, or if `out` already contains a checkpoint."""
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}")
    if (out / CHECKPOINT).exists():
        raise ModelError(f"{out} already contains a checkpoint; choose another folder, or delete the checkpoint")


def has_finished(run: Path) -> bool:
    """Return whether a run is recorded as finished, and the files of its checkpoint exist."""
    names = (CARD, MODEL, TOWERS)
    return (run / RECORD).exists() and all((run / CHECKPOINT / name).is_file() for name in names)


def check_run_dir(out: Path, overwrite: bool) -> None:
    """Raise ModelError if `out` is a file, or if it holds a finished run and `overwrite` is False.

    A finished run that has lost its checkpoint may go on from its saved states, if it has any.
    """
    can_resume = not has_finished(out) and any((out / STATE).glob("step-*"))
    if (out / RECORD).exists() and not overwrite and not can_resume:
        remedy = "if the run is not finished, delete this file to go on; otherwise start again with --overwrite"
        read_record(out / RECORD, None, remedy, record_shapes.RECORD)
        lost = "" if has_finished(out) else " that has lost its checkpoint and has no saved state"
        raise ModelError(f"{out} contains a finished run{lost}; choose another folder, or start again with --overwrite")
    if out.exists() and not out.is_dir():
        raise ModelError(f"{out} is not a folder")
