"""Reads N24News: captions from The New York Times in 24 sections."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from pipeline.pair import Pair
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import Layout, PairMaker, Record, find_layout, records_of

_FILES = {"train": "nytimes_train.json", "val": "nytimes_dev.json", "test": "nytimes_test.json"}


class _Record(Record):
    image_id: str = Field(min_length=1)
    caption: str | None = None
    section: str | None = None


def read_n24news(root: Path, notes: ReaderNotes) -> Iterator[Pair]:
    """Stream the pairs in `news/nytimes_{train,dev,test}.json` (`dev` becomes `val`); a pair's topic is its section.

    Raises:
        PipelineError: the files are missing, or a record is invalid.
    """
    folders = (root / "news", root)
    layouts = [Layout(f"the release in {folder}", {s: folder / _FILES[s] for s in _FILES}) for folder in folders]
    maker = PairMaker(notes)
    return (
        maker.pair(record.image_id, split, f"{record.image_id}.jpg", record.caption, record.section)
        for split, path in find_layout("N24News", layouts, notes).files.items()
        for record in records_of(path, _Record)
    )
