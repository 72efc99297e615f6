"""Reads the first pairs of a dataset as `generate` would, without writing files, and estimates the total number."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.images.store import ImageStore, stored_name
from pipeline.manifest.datasets import OwnDataset
from pipeline.manifest.manifest import Manifest
from pipeline.readers import read_own_pairs
from pipeline.readers.columns import Record
from pipeline.readers.notes import ReaderNotes

MOST_PAIRS = 5_000
_MOST_BYTES = 256 * 2**20  # of embedded images
_MEMBER = 1024  # bytes that a tar member takes in addition to its content
_UNPACKED = 3  # assumed ratio of the unpacked size to the size of the .gz file


@dataclass(frozen=True)
class Sample:
    """The first pairs.

    Attributes:
        count: number of pairs read.
        splits: number of pairs by split.
        images: the distinct images, as paths below the image root.
        is_complete: whether the sample contains all pairs of the dataset.
        has_splits: whether the data has splits; otherwise, pairs are assigned to splits by a hash of the image.
        notes: what the reader cleaned or skipped.
    """

    count: int
    splits: Counter[str]
    images: list[str]
    is_complete: bool
    has_splits: bool
    notes: list[str]


class _Names(ImageStore):
    """Names embedded images as the real store does, but does not save them."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.bytes = 0

    def put(self, content: bytes) -> str:
        self.bytes += len(content)
        return stored_name(content)


def read_sample(section: dict[str, Any]) -> Sample:
    """Read up to 5,000 pairs of a dataset, given as a manifest's `dataset` section with absolute paths.

    Raises:
        PipelineError: for the same reasons as in `read_pairs`.
    """
    generation = {"model": "none", "prompt": "none"}
    content = {"name": "sample", "dataset": section, "generation": generation, "output": "none"}
    manifest = Manifest.model_validate(content)
    assert isinstance(manifest.dataset, OwnDataset)
    store, notes = _Names(), ReaderNotes()
    splits, images, count = Counter[str](), dict[str, None](), 0
    is_complete = True
    pairs = read_own_pairs(manifest, manifest.dataset, notes, store if manifest.dataset_root is None else None)
    for count, pair in enumerate(pairs, start=1):
        splits[pair.split] += 1
        images[pair.image] = None
        if count == MOST_PAIRS or store.bytes > _MOST_BYTES:
            is_complete = next(iter(pairs), None) is None
            break
    has_splits = any(text.startswith("splits") for text in notes.splits)
    return Sample(
        count, splits, list(images), is_complete, has_splits, notes.lines()[1 if notes.changed_captions else 2 :]
    )


def estimate_records(kind: str, files: Iterable[Path], records: list[Record]) -> int:
    """Estimate how many records the files contain, from the sizes of the files and of the first records.

    For Parquet files, the number is exact, because their metadata contains it.
    """
    paths = list(files)
    if kind == "parquet":
        return sum(map(_rows_of, paths))
    fields = [record.fields for record in records]
    sizes = (len(json.dumps(one)) + 1 for one in fields) if kind == "jsonl" else map(_size, fields)
    mean = sum(sizes) / max(1, len(records))
    if kind == "webdataset":
        mean += _MEMBER * sum(len(one) - 1 for one in fields) / max(1, len(records))
    total = sum(path.stat().st_size * (_UNPACKED if path.suffix == ".gz" else 1) for path in paths)
    return round(total / max(mean, 1))


def first_records(records: Iterator[Record], most: int) -> list[Record]:
    """Return the first `most` records, or fewer if these take more than 64 MiB."""
    found: list[Record] = []
    held = 0
    for record in records:
        found.append(record)
        held += _size(record.fields)
        if len(found) == most or held > _MOST_BYTES // 4:
            break
    return found


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_size(one) + 2 for one in value.values())
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, bytes) else len(str(value).encode("utf-8", "replace"))


def _rows_of(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return 0  # the reader will report the error
