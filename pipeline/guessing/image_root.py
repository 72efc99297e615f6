"""Finds the folder that the image paths in a table are relative to."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from pipeline.readers.names import IMAGE_ENDINGS

LOOKED_UP = 100  # paths
_MOST_FOLDERS = 200
_USUAL = ("images", "image", "imgs", "img", "pictures", "photos")


@dataclass(frozen=True)
class ImageRoot:
    """A folder, and how many of the checked paths are files below it."""

    folder: Path
    found: int
    of: int


def find_image_root(paths: list[str], folder: Path) -> ImageRoot | None:
    """Return the candidate folder that contains the most files, or None if no file was found.

    The candidates are the data's folder, its subfolders, its parent, and the folders next to it. If there are absolute
    paths, the result is the deepest folder that contains them all. A relative path with `..` counts as missing.
    """
    paths = paths[:: max(1, len(paths) // LOOKED_UP)][:LOOKED_UP]
    whole = [path for path in paths if path.startswith("/") and _is_file(Path(path))]
    if whole:
        common = os.path.commonpath([os.path.normpath(Path(path).parent) for path in whole])
        return ImageRoot(Path(common), len(whole), len(paths))
    inside = [path for path in paths if ".." not in PurePosixPath(path).parts and not path.startswith("/")]
    best = None
    for root in islice(_candidates(folder), _MOST_FOLDERS):
        found = sum(_is_file(root / path) for path in inside)
        if found and (best is None or found > best.found):
            best = ImageRoot(root, found, len(paths))
            if found == len(paths):
                break
    return best


def missing_ending(path: str, folder: Path) -> Path | None:
    """Return the image file that a path refers to if a file name extension is added to it, or None."""
    if ".." in PurePosixPath(path).parts or path.startswith("/"):
        return None
    named = (root / f"{path}{ending}" for root in islice(_candidates(folder), 50) for ending in IMAGE_ENDINGS)
    return next(filter(_is_file, named), None)


def _candidates(folder: Path) -> Iterator[Path]:
    yield folder
    yield from _folders_in(folder)
    yield folder.parent
    yield from (one for one in _folders_in(folder.parent) if one != folder)
    for inner in _folders_in(folder):
        yield from _folders_in(inner)


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in islice(entries, 10_000) if entry.name[0] != "." and entry.is_dir()]
    except OSError:
        return []
    return [folder / name for name in sorted(found, key=lambda name: (name.lower() not in _USUAL, name))]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # the name is too long or contains a NUL
        return False
