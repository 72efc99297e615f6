"""Reads N24News: captions from The New York Times in 24 sections."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.pair import Pair
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import Layout, PairMaker, find_layout, flat_image, made_up_id, records_of
from pipeline.readers.splits import hash_split

_FILES = {"train": "nytimes_train.json", "val": "nytimes_dev.json", "test": "nytimes_test.json"}
_WHOLE = "nytimes_dataset.json"
_HELD_OUT = 10  # percent; the paper of N24News divides it 8 : 1 : 1, but publishes no lists


def read_n24news(root: Path, notes: ReaderNotes) -> Iterator[Pair]:
    """Stream the pairs in `news/nytimes_{train,dev,test}.json` (`dev` becomes `val`), or in `nytimes_dataset.json`.

    A pair's topic is its section. `nytimes_dataset.json` has no splits: `hash_split` assigns 10 % of the articles to
    `val` and 10 % to `test`, by the article's URL, or by the image's id if there is none.

    Raises:
        PipelineError: the files are missing or are not JSON lists of the right records.
    """
    folders = (root / "news", root)
    layouts = [Layout(f"the release in {folder}", {s: folder / _FILES[s] for s in _FILES}) for folder in folders]
    layouts += [
        Layout(
            f"the one-file release in {folder}, 1 article in {100 // _HELD_OUT} as val and 1 as test by a hash",
            {"": folder / _WHOLE},
        )
        for folder in reversed(folders)
    ]
    return _pairs(find_layout("N24News", root, layouts, notes), notes)


def _pairs(layout: Layout, notes: ReaderNotes) -> Iterator[Pair]:
    maker = PairMaker(notes, has_html=True)
    for split, record in records_of(layout.files, ("image_id", "caption"), notes):
        id_, image = flat_image(record.id("image_id"))
        caption = record.joined("caption", " ")
        id_ = id_ or made_up_id(record, caption)
        topic = record.joined("section", ", ")
        yield maker.pair(id_, split or hash_split(record.text("article_url") or id_, _HELD_OUT), image, caption, topic)
