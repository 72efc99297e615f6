"""Which split a pair belongs to: what the data says, in our words, or a hash that says the same whenever asked."""

import hashlib
import re
from collections.abc import Iterable

from pipeline.errors import PipelineError

MOST_SPLITS = 32  # each is a folder of shards
_OURS = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
_USUAL = {"train", "val", "test", *_OURS}
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def hash_split(name: str, percent: int = 1) -> str:
    """`val` for so many names in 100, `test` for as many, else `train`; the same wherever and whenever asked."""
    place = int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()) % 100
    return "val" if place < percent else "test" if place < 2 * percent else "train"


def split_name(given: str) -> str | None:
    """A split as the shards call it: lower case, `validation`, `valid` and `dev` as `val`; None if it can be none."""
    name = given.strip().lower()
    name = _OURS.get(name, name)
    return name if len(name) <= 64 and _NAME.fullmatch(name) else None


def split_of_file(path: str) -> str | None:
    """The one split that a file's name or its folders name, as in `data/train-00000-of-00004.parquet`; else None."""
    words = {_OURS.get(word, word) for word in re.split(r"[^a-z0-9]+", path.lower()) if word in _USUAL}
    return words.pop() if len(words) == 1 else None


def splits_of_files(paths: Iterable[str]) -> list[str] | None:
    """The split of each file, if all of them name one; None if none does.

    Raises:
        PipelineError: some name a split and some do not.
    """
    splits = [(path, split_of_file(path)) for path in paths]
    named = [split for _, split in splits if split is not None]
    if not named:
        return None
    if len(named) < len(splits):
        other = next(path for path, split in splits if split is None)
        raise PipelineError(
            f"dataset.file: some files name a split, but {other} names none, or several; say which file belongs to "
            "which split (file: {train: ..., val: ..., test: ...}), or name the column with dataset.columns.split"
        )
    return named
