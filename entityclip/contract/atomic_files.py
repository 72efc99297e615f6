"""Writes files and folders atomically, by means of a temporary name, fsync, rename, and fsync of the parent folder."""

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
    """Yield a temporary path in the same folder; rename it to `path` if the block ends without an error.

    The temporary name starts with a dot, so readers of the folder do not mistake the file for a shard. If the caller
    holds a lock (`one_writer`), the name is fixed, so that the next write overwrites a file left by a killed writer.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; the error names `path`.
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
    """Yield a temporary folder; it replaces `folder` if the block ends without an error.

    A folder cannot be renamed onto an existing one, so the old folder is first moved aside and is deleted last. If the
    process is killed in between, the next call of `finish_folder` completes the replacement. Raises OSError like
    `written_whole`.
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
    """Complete the replacement of `folder` if its writer was killed after moving the old folder aside."""
    temporary, previous = _beside(folder)
    if previous.exists() and temporary.exists() and not folder.exists():
        temporary.rename(folder)


def remove_whole(folder: Path) -> None:
    """Remove a folder atomically, if it exists: rename it before deleting its content."""
    aside = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
        shutil.rmtree(aside)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON atomically. Raises ValueError for NaN, which is not valid JSON."""
    with written_whole(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _failures_named(path: Path) -> Iterator[None]:
    """Add `path` to OSErrors that name no file (such as a full-disk error); turn safetensors errors into OSErrors."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _beside(folder: Path) -> tuple[Path, Path]:
    """Return two sibling paths: one for the new folder while it is written, one for the old folder when it is moved."""
    return folder.with_name(f".{folder.name}.tmp"), folder.with_name(f".{folder.name}.previous")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
