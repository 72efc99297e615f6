"""Writes files and folders atomically, by means of a temporary name, fsync, rename, and fsync of the parent folder."""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block ends without an error.

    The temporary name starts with a dot, so readers of the folder do not mistake the file for a shard. It is this
    call's own: no other process or thread writes to it. What a killed writer leaves, `remove_leftovers` removes.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; the error names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = own_name(path)
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
    """Yield a temporary folder of this call's own; it replaces `folder` if the block ends without an error.

    A folder cannot be renamed onto an existing one, so the old folder is first moved aside and is deleted last. If the
    process is killed in between, the next call of `finish_folder` completes the replacement. Of several processes that
    write the same folder, the last one to end wins. Raises OSError like `written_whole`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    finish_folder(folder)
    remove_leftovers(folder.parent, folder.name)
    temporary = own_name(folder)
    temporary.mkdir()
    try:
        with _failures_named(folder):
            yield temporary
            for file in temporary.rglob("*"):
                _sync(file)
        with _one_at_a_time(folder.parent):
            whole, previous = _beside(folder)
            for leftover in (whole, previous):
                remove_anything(leftover)
            temporary.rename(whole)
            if folder.exists():
                folder.rename(previous)
            whole.rename(folder)
            _sync(folder.parent)
            remove_anything(previous)
    finally:
        remove_anything(temporary)


def finish_folder(folder: Path) -> None:
    """Complete the replacement of `folder` if its writer was killed after moving the old folder aside."""
    with _one_at_a_time(folder.parent):
        whole, previous = _beside(folder)
        for candidate in (whole, folder.with_name(f".{folder.name}.tmp")):  # the second: written by older versions
            if previous.exists() and candidate.exists() and not folder.exists():
                candidate.rename(folder)


def remove_whole(folder: Path) -> None:
    """Remove a folder, or a file in its place, atomically, if it exists: rename it before deleting its content."""
    aside = folder.with_name(f".{folder.name}.removed")
    remove_anything(aside)
    if folder.exists():
        folder.rename(aside)
        remove_anything(aside)


def remove_anything(path: Path) -> None:
    """Remove a file, a link or a folder with its content, if it exists; what cannot be removed is left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def moved_aside(path: Path, folder: Path, *, copy: bool = False) -> Path:
    """Move (or copy) a file or folder into another folder of the same file system; return its new path.

    Nothing there is replaced: the new name gets a number if it is taken. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / path.name, 0
    while target.exists() or target.is_symlink():
        number += 1
        target = folder / f"{path.name}.{number}"
    if copy:
        shutil.copyfile(path, target)
    else:
        path.rename(target)
    return target


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove temporary files and folders of `name` that writers on this machine left when they were killed."""
    pattern = re.compile(rf"\..+\.{_HOST}-(\d{{1,9}})-[0-9a-f]{{8}}\.tmp")
    for path in folder.glob(f".{name}.*.tmp"):
        if (match := pattern.fullmatch(path.name)) is not None and not _is_running(int(match[1])):
            remove_anything(path)


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
    """Return two sibling paths: one for the new folder once it is whole, one for the old folder when it is moved."""
    return folder.with_name(f".{folder.name}.whole"), folder.with_name(f".{folder.name}.previous")


def own_name(path: Path) -> Path:
    """Return a sibling path that no other process, on any machine, uses; it tells who its writer is."""
    name = path.name.encode()[:150].decode(errors="ignore")  # with the rest, at most the 255 bytes of a file name
    return path.with_name(f".{name}.{_HOST}-{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time rename folders in `folder`, where the file system can lock it."""
    with ExitStack() as stack:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
