"""Reads GoodNews: captions from The New York Times, with several images per article."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from pipeline.errors import PipelineError
from pipeline.pair import SPLITS, Pair
from pipeline.readers.json_stream import object_items
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import Layout, PairMaker, Record, find_layout, record_of, records_of

_ARTICLES, _IMAGE_SPLITS = "captioning_dataset.json", "img_splits.json"


class _Article(Record):
    images: dict[str, str | None]


class _Image(Record):
    image_id: str = Field(min_length=1)
    captioning: str | None = None


def read_goodnews(root: Path, notes: ReaderNotes) -> Iterator[Pair]:
    """Stream the pairs from the authors' `new_goodnews_capim_{train,val,test}.json` if present, else from the release.

    Ids are `{article_id}_{n}` in either case. Images are skipped and counted if they are listed in `broken_images.txt`
    (optional), or if they belong to the release but have no split in `img_splits.json`.

    Raises:
        PipelineError: the files are missing, or a record is invalid.
    """
    layouts = [
        Layout(f"the authors' form in {root}", {s: root / f"new_goodnews_capim_{s}.json" for s in SPLITS}),
        Layout(f"the release in {root}", {"articles": root / _ARTICLES, "splits": root / _IMAGE_SPLITS}),
    ]
    layout = find_layout("GoodNews", layouts, notes)
    stream = _release if "articles" in layout.files else _authors
    return stream(layout, _broken_images(root / "broken_images.txt"), notes)


def _authors(layout: Layout, broken: set[str], notes: ReaderNotes) -> Iterator[Pair]:
    maker = PairMaker(notes)
    for split, path in layout.files.items():
        for record in records_of(path, _Image):
            id_ = record.image_id.removesuffix(".jpg")
            if id_ in broken:
                notes.passed_over["in broken_images.txt"] += 1
                continue
            yield maker.pair(id_, split, f"{id_}.jpg", record.captioning)


def _release(layout: Layout, broken: set[str], notes: ReaderNotes) -> Iterator[Pair]:
    maker = PairMaker(notes)
    splits = _splits(layout.files["splits"])
    for article_id, content in object_items(layout.files["articles"]):
        article = record_of(_Article, content, f"{layout.files['articles']}, article {article_id}")
        for number, caption in article.images.items():
            id_ = f"{article_id}_{number}"
            if id_ in broken:
                notes.passed_over["in broken_images.txt"] += 1
            elif id_ not in splits:
                notes.passed_over[f"without a split in {_IMAGE_SPLITS}"] += 1
            else:
                yield maker.pair(id_, splits[id_], f"{id_}.jpg", caption)


def _splits(path: Path) -> dict[str, str]:
    """Map image ids to splits; half a million images take 80 MB of memory."""
    splits = {}
    for id_, split in object_items(path):
        if split not in SPLITS:
            raise PipelineError(f"{path}: image {id_!r} has the split {split!r}; expected one of {', '.join(SPLITS)}")
        splits[id_.removesuffix(".jpg")] = sys.intern(split)  # one string per split
    return splits


def _broken_images(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.strip().removesuffix(".jpg") for line in lines if line.strip()}
