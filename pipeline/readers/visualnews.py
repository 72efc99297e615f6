"""Reads VisualNews: captions from The Guardian, the BBC, USA Today and The Washington Post."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from pipeline.pair import SPLITS, Pair
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import Layout, PairMaker, Record, find_layout, records_of
from pipeline.readers.splits import hash_split


class _Record(Record):
    id: str = Field(min_length=1)
    image_path: str = Field(min_length=1)
    caption: str | None = None
    topic: str | None = None
    article_path: str | None = None


def read_visualnews(root: Path, notes: ReaderNotes) -> Iterator[Pair]:
    """Stream the pairs from the authors' `{train,val,test}.json` if present, else from the release's `data.json`.

    The release has no splits: `hash_split` assigns them by the article's path, or by the record's id if there is none.

    Raises:
        PipelineError: the files are missing, or a record is invalid.
    """
    layouts = [
        Layout(f"the authors' splits in {root}", {split: root / f"{split}.json" for split in SPLITS}),
        Layout(f"the release in {root}, 1 article in 100 as val and 1 as test by a hash", {"": root / "data.json"}),
    ]
    maker = PairMaker(notes)
    return (
        maker.pair(
            r.id, split or hash_split(r.article_path or r.id), r.image_path.removeprefix("./"), r.caption, r.topic
        )
        for split, path in find_layout("VisualNews", layouts, notes).files.items()
        for r in records_of(path, _Record)
    )
