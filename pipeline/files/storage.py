"""Storage of shards and receipts: a local folder or object storage. Files appear atomically."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import pyarrow as pa
import pyarrow.fs as pa_fs

from entityclip.contract.atomic_files import moved_aside, written_whole
from entityclip.contract.locations import is_url
from pipeline.files.locations import open_file_system

ASIDE = "_damaged"  # readers of datasets skip folders whose names start with an underscore


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's name relative to the storage's root, with forward slashes, and its size in bytes."""

    name: str
    size: int


class Storage(Protocol):
    """A flat set of named files. Names are relative, with forward slashes.

    Attributes:
        is_local: whether reading a whole file costs no more than reading a disk.
    """

    is_local: bool

    def files(self) -> Iterator[StoredFile]:
        """Yield all files. Like dataset readers, skip files and folders whose names start with _ or a dot."""

    def folders_named_like_files(self) -> list[str]:
        """Return the folders in split folders whose names end like a shard's: no file can be written there."""

    def names(self, folder: str) -> list[str]:
        """Return the sorted names of the files directly in a folder, which may start with _; empty if there is none."""

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises FileNotFoundError if there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Create or replace a file atomically. The caller must be the only writer of that name."""

    def delete(self, name: str) -> None:
        """Remove a file if it exists."""

    def open(self, name: str) -> pa.NativeFile:
        """Open a file for reading at any position. Raises FileNotFoundError if there is no such file."""

    def move(self, name: str, new_name: str) -> None:
        """Rename a file; no file may have the new name. Raises FileNotFoundError if there is no file to rename."""


class LocalFolder:
    """A local folder; files are written under a temporary name, synced, and renamed."""

    is_local = True

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> Iterator[StoredFile]:
        for folder in sorted(self._root.glob("[!_.]*/")):
            for path in sorted(folder.rglob("[!_.]*")):
                if path.is_file():
                    yield StoredFile(path.relative_to(self._root).as_posix(), path.stat().st_size)

    def folders_named_like_files(self) -> list[str]:
        found = (path for path in self._root.glob("split=*/[!_.]*.parquet") if path.is_dir())
        return sorted(path.relative_to(self._root).as_posix() for path in found)

    def names(self, folder: str) -> list[str]:
        return sorted(f"{folder}/{path.name}" for path in (self._root / folder).glob("[!.]*") if path.is_file())

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        path = self._root / name
        self._clear(name)
        path.with_name(f".{path.name}.tmp").unlink(missing_ok=True)  # left by a killed writer of an older version
        with written_whole(path) as temporary:
            temporary.write_bytes(content)

    def delete(self, name: str) -> None:
        self._clear(name)
        (self._root / name).unlink(missing_ok=True)

    def _clear(self, name: str) -> None:
        """Move a folder that has a file's name aside; it is none of ours, and may hold anything."""
        path = self._root / name
        if path.is_dir():
            moved_aside(path, self._root / ASIDE / PurePosixPath(name).parent)

    def open(self, name: str) -> pa.NativeFile:
        return pa.OSFile(str(self._root / name))

    def move(self, name: str, new_name: str) -> None:
        target = self._root / new_name
        target.parent.mkdir(parents=True, exist_ok=True)
        (self._root / name).rename(target)


class ObjectStorage:
    """A prefix in object storage. An object appears when its upload completes; an interrupted upload creates none."""

    is_local = False

    def __init__(self, filesystem: pa_fs.FileSystem, prefix: str) -> None:
        self._filesystem = filesystem
        self._prefix = prefix.rstrip("/")

    def files(self) -> Iterator[StoredFile]:
        selector = pa_fs.FileSelector(self._prefix, recursive=True, allow_not_found=True)
        for info in sorted(self._filesystem.get_file_info(selector), key=lambda found: found.path):
            name = info.path.removeprefix(f"{self._prefix}/")
            if info.type == pa_fs.FileType.File and not any(part[0] in "_." for part in name.split("/")):
                yield StoredFile(name, info.size)

    def folders_named_like_files(self) -> list[str]:
        return []  # an object may have the name of what looks like a folder

    def names(self, folder: str) -> list[str]:
        selector = pa_fs.FileSelector(f"{self._prefix}/{folder}", allow_not_found=True)
        found = self._filesystem.get_file_info(selector)
        return sorted(f"{folder}/{info.base_name}" for info in found if info.type == pa_fs.FileType.File)

    def read(self, name: str) -> bytes:
        with self._filesystem.open_input_stream(f"{self._prefix}/{name}") as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        stream = self._filesystem.open_output_stream(f"{self._prefix}/{name}")
        stream.write(content)  # in one call: if interrupted between two writes, closing would commit the first
        stream.close()

    def delete(self, name: str) -> None:
        if self._filesystem.get_file_info(f"{self._prefix}/{name}").type == pa_fs.FileType.File:
            self._filesystem.delete_file(f"{self._prefix}/{name}")

    def open(self, name: str) -> pa.NativeFile:
        return self._filesystem.open_input_file(f"{self._prefix}/{name}")

    def move(self, name: str, new_name: str) -> None:
        self._filesystem.move(f"{self._prefix}/{name}", f"{self._prefix}/{new_name}")


def open_storage(location: Path | str) -> Storage:
    """Open a local folder, or a URL such as `s3://bucket/prefix`. Raises the same errors as `open_file_system`."""
    if not is_url(str(location)):
        return LocalFolder(Path(location))
    return ObjectStorage(*open_file_system(str(location), "output"))
