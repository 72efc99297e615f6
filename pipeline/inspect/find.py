"""Finds shards at a path or URL: an output, one of its splits, a single shard, or a folder of shards."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.fs as pa_fs

from entityclip.contract.locations import is_url
from entityclip.contract.receipts import RECEIPTS
from pipeline.errors import PipelineError
from pipeline.files.locations import open_file_system
from pipeline.files.storage import StoredFile
from pipeline.files.visible_text import visible

Kind = Literal["explanations", "split", "shard", "folder of shards"]

_SPLIT = re.compile(r"split=[^/]+")
_BESIDE = (RECEIPTS, "_spool", "_plan")  # folders that generation keeps next to the shards


@dataclass(frozen=True)
class Found:
    """Shards to inspect, and the folder of their output.

    Attributes:
        kind: "explanations" for a whole output, "folder of shards" for any other folder with Parquet files.
        root: path of the output's folder in `filesystem`; the shards' names are relative to it.
        half_written: temporary files left by a running or killed writer.
    """

    location: str
    kind: Kind
    filesystem: pa_fs.FileSystem
    root: str
    shards: tuple[StoredFile, ...]
    half_written: tuple[str, ...] = ()

    def path(self, name: str) -> str:
        """Return the path of a file below the root."""
        return f"{self.root}/{name}"

    def listed(self, folder: str) -> list[str]:
        """Return the content of a folder below the root, as names relative to the root; empty if there is no folder."""
        return [f"{folder}/{info.base_name}" for info in _entries(self.filesystem, self.path(folder))]

    def read(self, name: str) -> bytes:
        """Return the whole content of a file below the root."""
        with self.filesystem.open_input_stream(self.path(name)) as stream:
            return bytes(stream.read())


def find_shards(location: Path | str) -> Found | None:
    """Find the shards at a location; return None for a folder that contains neither shards nor an output.

    Raises:
        PipelineError: the location does not exist or cannot be reached.
    """
    if is_url(str(location)):
        filesystem, base = open_file_system(str(location), "location to inspect")
    else:
        filesystem, base = pa_fs.LocalFileSystem(), str(Path(location).absolute())
    base = base.rstrip("/")
    try:
        info = filesystem.get_file_info(base)
    except OSError as error:
        raise PipelineError(f"{visible(str(location))} cannot be reached: {visible(str(error))}") from error
    if info.type == pa_fs.FileType.NotFound:
        raise PipelineError(f"{visible(str(location))}: no such file or folder")
    parent, _, name = base.rpartition("/")
    if info.type == pa_fs.FileType.File:
        grandparent, _, folder = parent.rpartition("/")
        root, name = (grandparent, f"{folder}/{name}") if _SPLIT.fullmatch(folder) else (parent, name)
        return Found(str(location), "shard", filesystem, root, (StoredFile(name, info.size),))
    if _SPLIT.fullmatch(name):
        return _found(str(location), "split", filesystem, parent, [f"{name}/"])
    folders = {info.base_name for info in _entries(filesystem, base) if info.type == pa_fs.FileType.Directory}
    splits = [f"{folder}/" for folder in sorted(folders) if _SPLIT.fullmatch(folder)]
    if splits or folders.intersection(_BESIDE):
        return _found(str(location), "explanations", filesystem, base, splits)
    found = _found(str(location), "folder of shards", filesystem, base, [""])
    return found if found.shards else None


def _found(location: str, kind: Kind, filesystem: pa_fs.FileSystem, root: str, prefixes: list[str]) -> Found:
    """Collect the Parquet files, and temporary files of unfinished shards, in the given folders below the root."""
    shards: list[StoredFile] = []
    half_written: list[str] = []
    for prefix in prefixes:
        for info in _entries(filesystem, f"{root}/{prefix}".rstrip("/")):
            name = info.base_name
            if info.type != pa_fs.FileType.File:
                continue
            if name.endswith(".parquet") and name[0] not in "._":
                shards.append(StoredFile(prefix + name, info.size))
            elif re.fullmatch(r"\..*\.parquet\..*tmp", name):
                half_written.append(prefix + name)
    return Found(location, kind, filesystem, root, tuple(shards), tuple(half_written))


def _entries(filesystem: pa_fs.FileSystem, folder: str) -> list[pa_fs.FileInfo]:
    found = filesystem.get_file_info(pa_fs.FileSelector(folder, recursive=False, allow_not_found=True))
    return sorted(found, key=lambda info: info.path)
