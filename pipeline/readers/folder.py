"""Reads records from a folder of images, each with a text file (sidecar) next to it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pa_fs

from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError
from pipeline.files.locations import open_file_system
from pipeline.manifest.datasets import FolderDataset
from pipeline.readers.columns import Record
from pipeline.readers.encodings import decoded
from pipeline.readers.names import is_image_name, is_left_behind
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.splits import renamed_in_files, splits_of_files

LONGEST_SIDECAR = 2**20  # bytes
_DEEPEST = 64
_LINE_END = re.compile(r"\r\n|\n|\r")  # `splitlines` also divides at U+0085 (cp1252's ellipsis in latin-1)


def read_folder(root: str, dataset: FolderDataset, notes: ReaderNotes) -> Iterator[Record]:
    """Stream the images that have a sidecar, folder by folder, sorted by name within each folder.

    A record's id is the image's path without its suffix. If every folder directly below the root has a split in its
    name, the images in each folder get its split. The sidecar of `a.jpg` is `a.txt`, or else `a.jpg.txt`; its suffix
    may be in upper case. Images without a sidecar, sidecars without an image, symlinked folders, and what systems leave
    behind (`__MACOSX`) are skipped and counted.

    Raises:
        PipelineError: a folder cannot be listed, or only some of the folders below the root have a split in their name.
    """
    tree: _Tree = _RemoteTree(root) if is_url(root) else _LocalTree(Path(root))
    yield from _walk(tree, "", dataset, notes, None, 0)
    if tree.links:
        notes.passed_over["folders that are links"] += tree.links


def _walk(
    tree: "_Tree", prefix: str, dataset: FolderDataset, notes: ReaderNotes, split: str | None, depth: int
) -> Iterator[Record]:
    files, folders = tree.listing(prefix)
    for left in filter(is_left_behind, [*files, *folders]):
        notes.passed_over[f"files and folders that systems leave behind ({left})"] += 1
    files, folders = ([name for name in names if not is_left_behind(name)] for names in (files, folders))
    splits = None
    if depth == 0 and not any(map(is_image_name, files)) and (splits := splits_of_files(folders)) is not None:
        notes.taken_for |= renamed_in_files(folders)
    yield from _folder(tree, prefix, files, dataset, notes, split)
    if depth == _DEEPEST:
        notes.passed_over[f"folders more than {_DEEPEST} deep"] += len(folders)
        return
    for place, name in enumerate(folders):
        yield from _walk(tree, f"{prefix}{name}/", dataset, notes, splits[place] if splits else split, depth + 1)


def _folder(
    tree: "_Tree", prefix: str, files: list[str], dataset: FolderDataset, notes: ReaderNotes, split: str | None
) -> Iterator[Record]:
    suffix = dataset.sidecar.lower()
    texts = {name[: -len(suffix)]: name for name in reversed(files) if name.lower().endswith(suffix)}
    texts |= {name.removesuffix(dataset.sidecar): name for name in files if name.endswith(dataset.sidecar)}
    images = [name for name in files if is_image_name(name)]
    used = set()
    for number, name in enumerate(images, start=1):
        stem = name.rpartition(".")[0]
        if (sidecar := texts.get(stem) or texts.get(name)) is None:
            notes.passed_over[f"images without a {dataset.sidecar} file"] += 1
            continue
        used.add(sidecar)
        content = tree.content(f"{prefix}{sidecar}")
        if isinstance(content, str):
            notes.passed_over[content] += 1
            continue
        text = decoded(content, dataset.encoding)
        caption: str | list[str] = text
        if dataset.captions == "lines":
            lines = [line for line in _LINE_END.split(text) if line.strip()]
            caption = lines if len(lines) > 1 else "".join(lines)
        fields = {"image": f"{prefix}{name}", "caption": caption}
        yield Record((tree.name, f"{prefix}{name}, image", number), fields, id=f"{prefix}{stem}", split=split)
    if alone := sum(name.lower().endswith(suffix) for name in files) - len(used):
        notes.passed_over[f"{dataset.sidecar} files without an image"] += alone


class _LocalTree:
    def __init__(self, root: Path) -> None:
        self.name = str(root)  # for error messages
        self.links = 0
        self._root = root.resolve()

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of the files and of the subfolders in a folder, both sorted."""
        files, folders = [], []
        try:
            with os.scandir(self._root / folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif entry.is_symlink() and (self._root / folder / entry.name).is_dir():  # False for a cycle
                        self.links += 1
                    else:
                        files.append(entry.name)
        except OSError as error:
            raise PipelineError(f"{self._root / folder} cannot be listed: {error}") from error
        return sorted(files), sorted(folders)

    def content(self, file: str) -> bytes | str:
        """Return a text file's bytes, or the reason for skipping it."""
        try:
            path = (self._root / file).resolve(strict=True)
            if not path.is_relative_to(self._root):
                return "text files that are links leading out of the folder"
            if not path.is_file():
                return "text files that are not regular files"
            with path.open("rb") as opened:
                content = opened.read(LONGEST_SIDECAR + 1)
        except (OSError, RuntimeError):
            return "text files that cannot be read"
        return content if len(content) <= LONGEST_SIDECAR else "text files of more than 1 MiB"


class _RemoteTree:
    def __init__(self, root: str) -> None:
        self.name = root
        self.links = 0
        self._filesystem, path = open_file_system(root, "dataset.root")
        self._path = path.rstrip("/")

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        try:
            found = self._filesystem.get_file_info(pa_fs.FileSelector(f"{self._path}/{folder}".rstrip("/")))
        except (OSError, pa.ArrowException, NotImplementedError) as error:
            raise PipelineError(f"{self.name}/{folder} cannot be listed: {error}") from error
        inside = [one for one in found if not one.base_name.startswith(".")]
        return (
            sorted(one.base_name for one in inside if one.type == pa_fs.FileType.File),
            sorted(one.base_name for one in inside if one.type == pa_fs.FileType.Directory),
        )

    def content(self, file: str) -> bytes | str:
        try:
            with self._filesystem.open_input_stream(f"{self._path}/{file}") as stream:
                content = bytes(stream.read(LONGEST_SIDECAR + 1))
        except (OSError, pa.ArrowException):
            return "text files that cannot be read"
        return content if len(content) <= LONGEST_SIDECAR else "text files of more than 1 MiB"


_Tree = _LocalTree | _RemoteTree
