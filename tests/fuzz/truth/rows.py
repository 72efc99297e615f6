"""Rows with random values, and what should be read of each: for tables of every kind."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.truth.files import URL, reference
from tests.fuzz.truth.texts import caption, topic
from tests.fuzz.truth.truths import Truth

Row = dict[str, Any]
SKIPPED = "without a split"
_SPLITS = {
    "train": "train", "Train ": "train", "training": "train", "val": "val", "validation": "val", " DEV": "val",
    "valid": "val", "test": "test", "testing": "test", "restval": "restval", "test2": "test2", "extra_1": "extra_1",
}  # fmt: skip
_RENAMED = {"dev": "val", "validation": "val", "valid": "val", "training": "train", "testing": "test"}


@dataclass
class Rows:
    """Rows and their truths.

    Attributes:
        counted: what must be counted for them.
        columns: the names of the columns, by role; `of` is a manifest's `columns`.
    """

    rows: list[Row] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    of: dict[str, str] = field(default_factory=dict)

    def count(self, kind: str, truth: Truth, number: int = 1) -> None:
        """Expect a note, unless the row is skipped before it is looked at."""
        if truth.is_skipped and kind != SKIPPED:
            return
        self.counted[kind] = self.counted.get(kind, 0) + number


_NAMES = {
    "id": ("id", "uid", "key", "Bild-ID"),
    "image": ("image", "image_path", "file_name", "filepath", "foto"),
    "caption": ("caption", "text", "captions", "sentence"),
    "split": ("split", "part"),
    "topic": ("topic", "section", "ressort"),
}
_USUAL = {"id", "uid", "key", "image", "image_path", "file_name", "filepath", "caption", "text", "captions", "split"}
_USUAL |= {"topic", "section"}


def columns(rng: random.Random) -> tuple[dict[str, str], dict[str, str]]:
    """Names of columns by role, of which some roles are not there, and what a manifest has to say of them."""
    roles = [role for role in _NAMES if role in ("image", "caption") or rng.random() < 0.7]
    names = {role: rng.choice(_NAMES[role]) for role in roles}
    return names, {role: name for role, name in names.items() if name not in _USUAL}


def make_rows(
    rng: random.Random,
    root: Path,
    images: dict[int, str],
    *,
    codec: str = "utf-8",
    without: str = "",
    ids: Callable[[random.Random, int], tuple[Any, str]] | None = None,
    split: str | None = None,
    is_text: bool = False,
    has_lists: bool = False,
    image: Callable[[int], Any] | None = None,
) -> Rows:
    """Rows of random values by column.

    Args:
        codec, without: as of `caption`.
        ids: gives a value and the id that should be read for it. Default: texts.
        split: of all rows, where there is no column.
        is_text: the data has texts only, so that nothing is missing but by being empty.
        has_lists: captions may be lists.
        image: gives the value for a picture, which is inside the data. Default: a path below `root`.
    """
    made = Rows()
    made.columns, made.of = columns(rng)
    for number in range(rng.randint(2, 7)):
        row: Row = {}
        place = rng.randrange(len(images))
        truth = Truth("", place, split=split)
        _names(row, truth, made, rng, number, codec, ids)
        _image(row, truth, made, rng, number, root, images, codec, without, image)
        captions = _caption(row, truth, made, rng, number, codec, without, is_text, has_lists)
        made.rows.append(row)
        if captions is None or truth.is_skipped:
            made.truths.append(truth)
            continue
        for part, one in enumerate(captions):
            numbered = None if truth.id is None else f"{truth.id}_{part}"
            made.truths.append(Truth(**{**vars(truth), "caption": one, "id": numbered}))
        if truth.id is None:  # generated ids have numbers too
            for last in made.truths[len(made.truths) - len(captions) :]:
                last.may_be_numbered = True
    return made


def _image(
    row: Row,
    truth: Truth,
    made: Rows,
    rng: random.Random,
    number: int,
    root: Path,
    images: dict[int, str],
    codec: str,
    without: str,
    inside: Callable[[int], Any] | None,
) -> None:
    name = made.columns["image"]
    assert truth.image is not None
    if number and rng.random() < 0.08:
        row[name] = None
        truth.image = None
    elif inside is not None:
        row[name] = inside(truth.image)
    elif number and rng.random() < 0.08:
        row[name] = rng.choice(("gone.png", URL))
        if row[name] == URL:
            made.count("that are URLs, which are not fetched", truth)
        truth.image = None
    else:
        given, kind = reference(images[truth.image], root, rng, codec)
        if any(one in given for one in without):
            truth.image, given, kind = next(
                (place, path, "") for place, path in images.items() if not any(one in path for one in without)
            )
        row[name] = given
        if kind:
            made.count(kind, truth)


def _caption(
    row: Row,
    truth: Truth,
    made: Rows,
    rng: random.Random,
    number: int,
    codec: str,
    without: str,
    is_text: bool,
    has_lists: bool,
) -> list[str] | None:
    name = made.columns["caption"]
    if number and rng.random() < 0.08:
        missing = [None] if is_text else [None, None, float("nan"), ...]
        if (value := rng.choice(missing)) is not ...:
            row[name] = value
        return None
    if has_lists and rng.random() < 0.15:
        texts = [caption(rng, codec, without) for _ in range(rng.randint(1, 3))]
        row[name] = [one.raw for one in texts]
        return [one.clean for one in texts]
    text = caption(rng, codec, without)
    row[name], truth.caption = text
    return None


def text_id(rng: random.Random, number: int) -> tuple[Any, str]:
    """An id as a text, and as it should be read."""
    whole = rng.choice(
        ("{}", "00{}", "a/b/{}", "Zoë-{}", "id {}", " {} ", "{}.jpg", "x#{}", "Å{}", "{}_0", "A\u030a{}", "é{}")
    )
    text = whole.format(number)
    return text, text.strip()


def _names(
    row: Row,
    truth: Truth,
    made: Rows,
    rng: random.Random,
    number: int,
    codec: str,
    ids: Callable[[random.Random, int], tuple[Any, str]] | None,
) -> None:
    if (name := made.columns.get("id")) is not None:
        value, wanted = (ids or text_id)(rng, number if rng.random() < 0.99 else 0)
        if isinstance(value, str) and value.encode(codec, "replace").decode(codec) != value:
            value = wanted = f"n{number}"
        if number and rng.random() < 0.04:
            row[name] = None
        else:
            row[name], truth.id = value, wanted
    if (name := made.columns.get("split")) is not None:
        given = rng.choice(tuple(_SPLITS))
        if number and rng.random() < 0.05:
            row[name] = None
            truth.is_skipped = True
            made.count(SKIPPED, truth)
        else:
            row[name], truth.split = given, _SPLITS[given]
            if (plain := given.strip().lower()) in _RENAMED:
                made.count(f"{given.strip()!r} is {_RENAMED[plain]}", truth, 0)
    if (name := made.columns.get("topic")) is not None:
        truth.topic = row[name] = topic(rng, codec)
