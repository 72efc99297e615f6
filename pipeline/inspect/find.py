"""Finds shards at a path or URL: an output, one split of it, one shard, or a folder of shards."""

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
        kind: "explanations" is a whole output of generation, "folder of shards" any other folder with Parquet files.
        root: path of the folder in `filesystem`; the shards' names are relative to it.
        half_written: temporary files of a running or killed writer.
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
        """List a folder below the root by names relative to the root; empty if it does not exist."""
        return [f"{folder}/{info.base_name}" for info in _entries(self.filesystem, self.path(folder))]

    def read(self, name: str) -> bytes:
        """Read a whole file."""
        with self.filesystem.open_input_stream(self.path(name)) as stream:
            return bytes(stream.read())


def find_shards(location: Path | str) -> Found | None:
    """Find the shards at a location; None for a folder without shards or an output.

    Raises:
        PipelineError: nothing exists there, or it cannot be reached.
    """
    if is_url(str(location)):
        filesystem, base = open_file_system(str(location), "the place to inspect")
    else:
        filesystem, base = pa_fs.LocalFileSystem(), str(Path(location).absolute())
    base = base.rstrip("/")
    try:
        info = filesystem.get_file_info(base)
    except OSError as error:
        raise PipelineError(f"{visible(str(location))}: cannot be reached: {visible(str(error))}") from error
    if info.type == pa_fs.FileType.NotFound:
        raise PipelineError(f"{visible(str(location))}: no such file or folder")
    parent, _, name = base.rpartition("/")
    if info.type == pa_fs.FileType.File:
        grandparent, _, folder = parent.rpartition("/")
        if _SPLIT.fullmatch(folder):
            shard = StoredFile(f"{folder}/{name}", info.size)
            return Found(str(location), "shard", filesystem, grandparent, (shard,))
        return Found(str(location), "shard", filesystem, parent, (StoredFile(name, info.size),))
    if _SPLIT.fullmatch(name):
        shards, half = _shards_in(filesystem, base, f"{name}/")
        return Found(str(location), "split", filesystem, parent, shards, half)
    return _folder(str(location), filesystem, base)


def _folder(location: str, filesystem: pa_fs.FileSystem, root: str) -> Found | None:
    folders = {info.base_name for info in _entries(filesystem, root) if info.type == pa_fs.FileType.Directory}
    splits = sorted(name for name in folders if _SPLIT.fullmatch(name))
    if not splits and not folders.intersection(_BESIDE):
        shards, half = _shards_in(filesystem, root, "")
        return Found(location, "folder of shards", filesystem, root, shards, half) if shards else None
    all_shards: list[StoredFile] = []
    all_half: list[str] = []
    for split in splits:
        shards, half = _shards_in(filesystem, f"{root}/{split}", f"{split}/")
        all_shards += shards
        all_half += half
    return Found(location, "explanations", filesystem, root, tuple(all_shards), tuple(all_half))


def _shards_in(
    filesystem: pa_fs.FileSystem, folder: str, prefix: str
) -> tuple[tuple[StoredFile, ...], tuple[str, ...]]:
    """Return Parquet files in a folder, and temporary files of unfinished ones."""
    files = [info for info in _entries(filesystem, folder) if info.type == pa_fs.FileType.File]
    shards = [info for info in files if info.base_name.endswith(".parquet") and info.base_name[0] not in "._"]
    half = [info.base_name for info in files if re.fullmatch(r"\..*\.parquet\..*tmp", info.base_name)]
    return tuple(StoredFile(prefix + info.base_name, info.size) for info in shards), tuple(prefix + n for n in half)


def _entries(filesystem: pa_fs.FileSystem, folder: str) -> list[pa_fs.FileInfo]:
    found = filesystem.get_file_info(pa_fs.FileSelector(folder, recursive=False, allow_not_found=True))
    return sorted(found, key=lambda info: info.path)
