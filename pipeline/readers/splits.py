"""Assigns splits: either the dataset's own splits with normalised names, or splits chosen by a stable hash."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from pipeline.errors import PipelineError

MOST_SPLITS = 32  # each becomes a folder of shards
_OURS = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
_USUAL = {"train", "val", "test", *_OURS}
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def hash_split(name: str, percent: int = 1) -> str:
    """Choose a split by a hash of `name`: `percent` % of names become `val`, as many become `test`, others `train`."""
    place = int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()) % 100
    return "val" if place < percent else "test" if place < 2 * percent else "train"


def split_name(given: str) -> str | None:
    """Return the normalised name of a split (lower case, `val` for `dev`, etc.), or None if it is invalid."""
    name = given.strip().lower()
    name = _OURS.get(name, name)
    return name if len(name) <= 64 and _NAME.fullmatch(name) else None


def taken_for(given: str, rename: Mapping[str, str]) -> str | None:
    """Return what a split of the data is taken for: `rename` (names in lower case) goes before the usual names."""
    return split_name(rename.get(given.strip().lower(), given))


def split_of_file(path: str) -> str | None:
    """Return the split named in a path, as in `data/train-00000-of-00004.parquet`; None unless exactly one is named."""
    words = {_OURS.get(word, word) for word in re.split(r"[^a-z0-9]+", path.lower()) if word in _USUAL}
    return words.pop() if len(words) == 1 else None


def renamed_in_files(paths: Iterable[str]) -> dict[str, str]:
    """Return the words in paths that name a split otherwise than the shards do, such as `dev` for `val`."""
    words = {word for path in paths for word in re.split(r"[^a-z0-9]+", path.lower())}
    return {word: _OURS[word] for word in sorted(words & _OURS.keys())}


def splits_of_files(paths: Iterable[str]) -> list[str] | None:
    """Return each file's split if every path names one, None if no path does. Raises PipelineError if only some do."""
    splits = [(path, split_of_file(path)) for path in paths]
    named = [split for _, split in splits if split is not None]
    if not named:
        return None
    if len(named) < len(splits):
        other = next(path for path, split in splits if split is None)
        raise PipelineError(
            f"dataset.file: some file names contain a split, but {other} contains none or several; assign files to "
            "splits (file: {train: ..., val: ..., test: ...}), or set dataset.columns.split to the column of splits"
        )
    return named
