"""Files and folders that are there whole or not at all: temporary name, fsync, rename, fsync of the folder."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError


@contextmanager
def written_whole(path: Path, *, one_writer: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the name when the block ends without an error.

    The temporary name starts with a dot, so no reader of a folder takes it for a shard. With `one_writer` (the caller
    holds a lock) it is always the same, and the next writer takes the place of one that was killed.

    Raises OSError that names `path` where the disk is full, also if safetensors finds it so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp" if one_writer else f".{path.name}.{os.getpid()}.tmp")
    try:
        with _failures_named(path):
            yield temporary
            _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """Yield a new folder; it replaces `folder` when the block ends without an error.

    The old folder is moved aside first, as a folder cannot be renamed onto another, and removed last; who is killed
    in between leaves that to the next `finish_folder`. Raises OSError as `written_whole` does.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    finish_folder(folder)
    temporary, previous = _beside(folder)
    for leftover in (temporary, previous):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary.mkdir()
    try:
        with _failures_named(folder):
            yield temporary
            for file in temporary.rglob("*"):
                _sync(file)
        if folder.exists():
            folder.rename(previous)
        temporary.rename(folder)
        _sync(folder.parent)
    finally:
        for leftover in (temporary, previous):
            shutil.rmtree(leftover, ignore_errors=True)


def finish_folder(folder: Path) -> None:
    """Give `folder` its name if its writer was killed after moving the old one aside, so after writing all of it."""
    temporary, previous = _beside(folder)
    if previous.exists() and temporary.exists() and not folder.exists():
        temporary.rename(folder)


def remove_whole(folder: Path) -> None:
    """Remove a folder, if it is there, so that nobody ever meets half of it under its name."""
    aside = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
        shutil.rmtree(aside)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, whole; NaN is refused, as other readers of JSON refuse it."""
    with written_whole(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _failures_named(path: Path) -> Iterator[None]:
    """A disk that is full names no file, and safetensors has an error of its own for it: an OSError that says where."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path}: cannot be written: {error}") from error
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _beside(folder: Path) -> tuple[Path, Path]:
    """Where a folder is written, and where the old one is moved."""
    return folder.with_name(f".{folder.name}.tmp"), folder.with_name(f".{folder.name}.previous")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
