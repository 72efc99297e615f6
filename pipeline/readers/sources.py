"""Finds the files of a dataset by expanding patterns, and opens each as a stream, decompressing it if needed."""

import fnmatch
import glob
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.fs as pa_fs

from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError
from pipeline.files.locations import PATTERN, fixed_folder, open_file_system
from pipeline.readers.gunzip import Gunzip
from pipeline.readers.splits import split_name, splits_of_files

MOST_FILES = 100_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")


@dataclass(frozen=True)
class Source:
    """A file of a dataset.

    Attributes:
        location: absolute path or URL.
        split: split of all its records, if the file name or the manifest gives one.
    """

    location: str
    split: str | None

    @property
    def name(self) -> str:
        """Return the file name without folders and suffixes: `part-0001` for `data/part-0001.tar.gz`."""
        return self.location.partition("?")[0].rsplit("/", 1)[-1].removesuffix(".gz").rsplit(".", 1)[0]

    def open_raw(self) -> BinaryIO:
        """Open the file as stored, with random access. Raises PipelineError if that fails."""
        try:
            if not is_url(self.location):
                return Path(self.location).open("rb")
            filesystem, path = open_file_system(self.location, "dataset.file")
            return cast(BinaryIO, io.BufferedReader(filesystem.open_input_file(path), 2**20))
        except (OSError, pa.ArrowException) as error:
            raise PipelineError(f"{self.location} cannot be opened: {error}") from error

    def open(self) -> BinaryIO:
        """Open the file as a stream, decompressed if its name ends in .gz. Raises PipelineError if that fails."""
        raw = self.open_raw()
        if not self.location.partition("?")[0].endswith(".gz"):
            return raw
        return cast(BinaryIO, io.BufferedReader(Gunzip(raw, self.location), 2**20))


def find_sources(file: str | tuple[str, ...] | dict[str, str | tuple[str, ...]], folder: Path) -> list[Source]:
    """Return the files listed in a manifest's `dataset.file`, in order; the matches of a pattern are sorted by name.

    If the manifest gives no splits, they are taken from the file names, provided that every file name contains one.
    Relative paths are resolved against `folder`, the manifest's folder.

    Raises:
        PipelineError: a pattern matches nothing, a split name is invalid, or only some file names contain a split.
    """
    sources: list[Source] = []
    for given, patterns in file.items() if isinstance(file, dict) else [(None, file)]:
        split = None if given is None else split_name(given)
        if given is not None and split is None:
            raise PipelineError(f"dataset.file: {given!r} is not a valid split name; use a word such as train")
        for pattern in (patterns,) if isinstance(patterns, str) else patterns:
            sources += [Source(location, split) for location in _matches(pattern, folder)]
            if len(sources) > MOST_FILES:
                raise PipelineError(f"dataset.file names more than {MOST_FILES:,} files")
    if not sources:
        raise PipelineError("dataset.file does not name any file")
    if isinstance(file, dict):
        return sources
    base = fixed_folder(file)
    base = base if is_url(base) else str((folder / base).resolve())
    splits = splits_of_files(source.location.removeprefix(base.partition("?")[0]) for source in sources)
    if splits is None:
        return sources
    return [Source(source.location, split) for source, split in zip(sources, splits, strict=True)]


def _matches(pattern: str, folder: Path) -> Iterator[str]:
    for one in _without_braces(pattern):
        matched = _matches_of_url(one) if is_url(one) else _matches_of_path(one, folder)
        if not matched:
            raise PipelineError(f"no data file at {one if is_url(one) else folder / one}")
        yield from matched


def _matches_of_path(pattern: str, folder: Path) -> list[str]:
    path = folder / pattern
    try:
        if path.is_file():
            return [str(path.resolve())]
        if not any(character in pattern for character in PATTERN):
            return []
        base = PurePosixPath(fixed_folder(pattern))
        rest = PurePosixPath(*PurePosixPath(pattern).parts[len(base.parts) :])
        root = (folder / base).resolve()  # find_sources removes the same folder from the paths
        names = glob.iglob(str(rest), root_dir=root, recursive=True)  # noqa: PTH207 - `Path.glob` is stricter
        found = [root / name for name in itertools.islice(names, MOST_FILES + 1)]
        return sorted(str(match.absolute()) for match in found if match.is_file())
    except (OSError, ValueError, RuntimeError) as error:
        raise PipelineError(f"dataset.file: {pattern[:100]!r} is not a valid path: {error}"[:400]) from error


def _matches_of_url(url: str) -> list[str]:
    address, _, query = url.partition("?")
    if not any(character in address for character in PATTERN):
        return [url]  # checked for existence only when opened; an HTTPS server cannot list a folder
    base = fixed_folder(url)
    filesystem, path = open_file_system(base, "dataset.file")
    prefix = base.partition("?")[0]
    rest = address.removeprefix(prefix).lstrip("/")
    try:
        selector = pa_fs.FileSelector(path, recursive="/" in rest)
        names = [i.path for i in filesystem.get_file_info(selector) if i.type == pa_fs.FileType.File]
    except (OSError, pa.ArrowException, NotImplementedError) as error:
        raise PipelineError(f"dataset.file: {base} cannot be listed: {error}") from error
    inside = sorted(name.removeprefix(path.rstrip("/") + "/") for name in names)
    tail = f"?{query}" if query else ""
    return [f"{prefix.rstrip('/')}/{n}{tail}" for n in inside if _fits(n.split("/"), rest.split("/"))]


def _fits(parts: list[str], patterns: list[str]) -> bool:
    if not patterns or not parts:
        return not patterns and not parts
    if patterns[0] == "**":
        return _fits(parts, patterns[1:]) or _fits(parts[1:], patterns)
    return fnmatch.fnmatchcase(parts[0], patterns[0]) and _fits(parts[1:], patterns[1:])


def _without_braces(pattern: str) -> Iterator[str]:
    """Expand `{a,b}` and `{000..127}`, as shells and WebDataset do."""
    parts: list[list[str]] = []
    count, end = 1, 0
    for match in _BRACES.finditer(pattern):
        if (bounds := _RANGE.fullmatch(match[1])) is not None:
            numbers = range(int(bounds[1]), int(bounds[2]) + 1)
            count *= len(numbers)
            choices = [f"{n:0{len(bounds[1])}d}" for n in numbers] if count <= MOST_FILES else []
        else:
            choices = match[1].split(",")
            count *= len(choices)
        if count > MOST_FILES:
            raise PipelineError(f"dataset.file: {pattern[:100]} expands to more than {MOST_FILES:,} files")
        parts += [[pattern[end : match.start()]], choices]
        end = match.end()
    for choice in itertools.product(*parts, [pattern[end:]]):
        yield "".join(choice)
