"""Determines the kind of the data from the names of its files and folders."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError
from pipeline.files.locations import PATTERN
from pipeline.readers.names import is_image_name, is_left_behind
from pipeline.readers.splits import splits_of_files

MOST_NAMES = 100_000  # maximum number of files to list in a folder
_KINDS = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "jsonl": (".jsonl", ".ndjson"),
    "parquet": (".parquet", ".pq"),
    "webdataset": (".tar",),
}
_SIDECARS = (".txt", ".caption", ".cap", ".text")
_CAN_BE_READ = "init reads CSV, TSV, JSONL, Parquet and tar files, folders of images, and output of save_to_disk"


@dataclass(frozen=True)
class Located:
    """The data as a manifest names it.

    Attributes:
        kind: kind of the dataset, as in a manifest.
        location: absolute path or pattern, or a tuple of them if several files were given or found.
        reason: why the data is considered to be of this kind.
        sidecar: suffix of the text files, if the data is a folder of images.
        count: number of images with a text file, if known.
    """

    kind: str
    location: str | tuple[str, ...]
    reason: str
    sidecar: str = ".txt"
    count: int | None = None

    @property
    def first(self) -> Path:
        """Return the first path or pattern."""
        return Path(self.location if isinstance(self.location, str) else self.location[0])


def locate(data: list[str]) -> Located:
    """Determine the kind of the data at the given paths or patterns.

    Raises:
        PipelineError: there is no data, its kind is not supported, or it is unclear which of several tables to use.
    """
    for one in data:
        if is_url(one):
            raise PipelineError(f"{one}: init reads only local data; see docs/your_data.md for a manifest with URLs")
        if not Path(one).exists() and not any(character in one for character in PATTERN):
            raise PipelineError(f"no data at {one}")
    paths = tuple(os.path.abspath(one) for one in data)  # noqa: PTH100 - a pattern is not a path
    if len(paths) == 1 and Path(paths[0]).is_dir():
        return _in_folder(Path(paths[0]))
    kinds = {one: _kind_of(one) for one in paths}
    if len(set(kinds.values())) > 1:
        raise PipelineError(f"{', '.join(data)}: these files are of several kinds; give files of one kind")
    kind = next(iter(kinds.values()))
    return Located(kind, paths if len(paths) > 1 else paths[0], "from the file name")


def _kind_of(name: str) -> str:
    lower = name.lower().removesuffix(".gz")
    for kind, endings in _KINDS.items():
        if lower.endswith(endings):
            return kind
    if lower.endswith(".json"):
        return "jsonl"
    if lower.endswith(".txt"):
        return "csv"
    if lower.endswith((".xlsx", ".xls", ".ods")):
        raise PipelineError(f"{name}: save the sheet as CSV in UTF-8 and give that file instead")
    raise PipelineError(f"{name}: the file name extension is not recognised; {_CAN_BE_READ}")


def _in_folder(folder: Path) -> Located:
    if any((folder / name).is_file() for name in ("dataset_dict.json", "dataset_info.json")):
        return Located("huggingface", str(folder), "it contains the files that save_to_disk writes")
    images: set[str] = set()
    texts: Counter[str] = Counter()
    tables: dict[str, list[str]] = defaultdict(list)
    names = _files(folder)
    for name in names:
        if is_image_name(name):
            images.add(name.rpartition(".")[0])
        for kind, endings in _KINDS.items():
            if name.lower().removesuffix(".gz").endswith(endings):
                tables[kind].append(name)
    for name in names:
        stem, dot, ending = name.rpartition(".")
        suffix = f"{dot}{ending.lower()}"
        if suffix in _SIDECARS and (stem in images or is_image_name(stem)):
            texts[suffix] += 1
    if texts:
        ((sidecar, count),) = texts.most_common(1)
        reason = f"{count:,} of {len(images):,} images have a {sidecar} file with the same name"
        return Located("folder", str(folder), reason, sidecar, count if len(names) < MOST_NAMES else None)
    if len(tables) > 1 or (tables and not _belong_together(next(iter(tables.items())))):
        found = ", ".join(name for files in tables.values() for name in files[:3])
        raise PipelineError(f"{folder}: it contains several tables ({found}); give the one with the captions")
    if not tables:
        what = (
            f"{len(images):,} images, but no text files with the same names (such as"
            if images
            else "no images with text files (such as"
        )
        raise PipelineError(f"{folder}: {what} {Path(min(images, default='a')).name}.txt) and no table; {_CAN_BE_READ}")
    ((kind, files),) = tables.items()
    if len(files) == 1:
        return Located(kind, str(folder / files[0]), f"the only table in {folder.name}")
    suffixes = {name[name.index(".", name.rfind("/") + 1) :] for name in files}
    reason = f"{len(files):,} files in {folder.name}"
    if len(suffixes) > 1:
        return Located(kind, tuple(str(folder / name) for name in files), reason)
    parents = {name.rpartition("/")[0] for name in files}
    inside = parents.pop() if len(parents) == 1 else "**"
    return Located(kind, str(folder / inside / f"*{suffixes.pop()}"), reason)


def _belong_together(found: tuple[str, list[str]]) -> bool:
    """Return whether files form one dataset: Parquet files and tars always do, others if each name contains a split."""
    kind, files = found
    return kind in ("parquet", "webdataset") or len(files) == 1 or _splits(files) is not None


def _splits(files: list[str]) -> list[str] | None:
    try:
        return splits_of_files(files)
    except PipelineError:
        return None


def _files(folder: Path) -> list[str]:
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_passed_over(name))
        inside = Path(parent).relative_to(folder)
        found += [(inside / name).as_posix() for name in sorted(files) if not _is_passed_over(name)]
        if len(found) >= MOST_NAMES:
            break
    return found


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or is_left_behind(name)
