"""Reads GoodNews: captions from The New York Times, with several images per article."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.pair import SPLITS, Pair
from pipeline.readers.broken_images import BrokenImages
from pipeline.readers.json_stream import object_items
from pipeline.readers.json_texts import MISSING, text_of
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import (
    ExpectedFields,
    Layout,
    PairMaker,
    Record,
    find_layout,
    flat_image,
    made_up_id,
    records_of,
)
from pipeline.readers.splits import split_name

_ARTICLES, _IMAGE_SPLITS = "captioning_dataset.json", "img_splits.json"


def read_goodnews(root: Path, notes: ReaderNotes) -> Iterator[Pair]:
    """Stream the pairs from the authors' `new_goodnews_capim_{train,val,test}.json` if present, else from the release.

    Ids are `{article_id}_{n}` in either case. Images are skipped and counted if they are listed in `broken_images.txt`
    (optional), or if they belong to the release but have no split in `img_splits.json`. Articles without images are
    counted.

    Raises:
        PipelineError: the files are missing or are not of this dataset, or `img_splits.json` has an unknown split.
    """
    layouts = [
        Layout(f"the authors' form in {root}", {s: root / f"new_goodnews_capim_{s}.json" for s in SPLITS}),
        Layout(f"the release in {root}", {"articles": root / _ARTICLES, "splits": root / _IMAGE_SPLITS}),
    ]
    layout = find_layout("GoodNews", root, layouts, notes)
    stream = _release if "articles" in layout.files else _authors
    return stream(layout, BrokenImages(root / "broken_images.txt"), notes)


def _authors(layout: Layout, broken: BrokenImages, notes: ReaderNotes) -> Iterator[Pair]:
    maker = PairMaker(notes, has_html=True)
    for split, record in records_of(layout.files, ("image_id", "captioning"), notes):
        id_, image = flat_image(record.id("image_id"))
        if broken.has(id_):
            notes.passed_over["in broken_images.txt"] += 1
            continue
        caption = record.joined("captioning", " ")
        yield maker.pair(id_ or made_up_id(record, caption), split, image, caption)
    broken.report(notes)


def _release(layout: Layout, broken: BrokenImages, notes: ReaderNotes) -> Iterator[Pair]:
    maker = PairMaker(notes, has_html=True)
    splits = _splits(layout.files["splits"])
    with_article = 0
    for id_, caption in _images(layout.files["articles"], notes):
        split = splits.get(id_)
        with_article += split is not None
        if broken.has(id_):
            notes.passed_over["in broken_images.txt"] += 1
        elif not split:
            notes.passed_over[f"without a split in {_IMAGE_SPLITS}"] += 1
        else:
            yield maker.pair(id_, split, f"{id_}.jpg", caption)
    if (without := len(splits) - with_article) > 0:
        notes.passed_over[f"in {_IMAGE_SPLITS} but without an article in {_ARTICLES}"] += without
    broken.report(notes)


def _images(path: Path, notes: ReaderNotes) -> Iterator[tuple[str, str]]:
    """Yield id and caption of each article's images."""
    expected = ExpectedFields(("images",), notes)
    for article_id, content in object_items(path):
        article = expected.record(content, path, f"article {article_id}")
        if article is None:
            continue
        images = article.content.get("images")
        if isinstance(images, list):
            images = {str(number): caption for number, caption in enumerate(images)}
        if not isinstance(images, dict):
            if text_of(images) == "":
                images = {}
            else:
                notes.skip("articles whose images are neither an object nor a list", article.where)
                continue
        if not images:
            notes.passed_over["articles without images"] += 1
        for number, caption in images.items():
            yield f"{article_id}_{number}", _caption(article, caption)
    expected.finish()


def _caption(article: Record, caption: Any) -> str:
    if isinstance(caption, str) and caption not in MISSING:  # nearly every one
        return caption
    return article.joined_value("caption", caption, " ")


def _splits(path: Path) -> dict[str, str]:
    """Map image ids to splits, "" for a missing one; half a million images take 80 MB of memory."""
    splits = {}
    for id_, given in object_items(path):
        text = text_of(given)
        split = split_name(text) if text else text
        if split is None or (split and split not in SPLITS):
            raise PipelineError(f"{path}: image {id_!r} has the split {given!r}; expected one of {', '.join(SPLITS)}")
        splits[flat_image(id_)[0]] = sys.intern(split)  # one string per split
    return splits
