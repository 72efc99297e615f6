"""The three news datasets as published, with the odd values that releases have."""

import json
import random
from pathlib import Path
from typing import Any

from tests.fuzz.truth.files import PICTURES
from tests.fuzz.truth.texts import caption
from tests.fuzz.truth.truths import Truth, Written
from tests.support.own_data import put

_MISSING = (None, float("nan"), "nan", "None", "<NA>", "null", ...)


def _set(record: dict[str, Any], name: str, value: Any) -> None:
    if value is not ...:
        record[name] = value


def _caption(record: dict[str, Any], name: str, rng: random.Random, *, may_miss: bool) -> str:
    if may_miss and rng.random() < 0.12:
        _set(record, name, rng.choice(_MISSING))
        return ""
    if rng.random() < 0.1:
        texts = [caption(rng, html=True) for _ in range(2)]
        record[name] = [one.raw for one in texts]
        return f"{texts[0].clean} {texts[1].clean}"
    text = caption(rng, html=True)
    record[name] = text.raw
    return text.clean


def _save(path: Path, content: Any, rng: random.Random) -> None:
    text = json.dumps(content, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1)))
    put(path, text.encode(rng.choice(("utf-8", "utf-8", "utf-8-sig"))))


def n24news(folder: Path, rng: random.Random) -> Written:
    """Three files, of which captions, sections, ids and images may be missing or written otherwise."""
    truths = []
    number = 0
    for split in ("train", "dev", "test"):
        records = []
        for place in range(rng.randint(1, 3)):
            id_ = f"1000{number}"
            truth = Truth("", number, id_, {"dev": "val"}.get(split, split), may_be_numbered=True)
            record: dict[str, Any] = {"headline": "A headline"}
            given = rng.choice((id_, id_, int(id_), float(id_), f"{id_}.0", f" {id_}", f"imgs/{id_}.jpg", f"{id_}.jpg"))
            record["image_id"] = given
            if place and rng.random() < 0.1:
                _set(record, "image_id", rng.choice(_MISSING))
                if "image_id" in record and record["image_id"] == given:
                    del record["image_id"]
                truth.id = truth.image = None
            truth.caption = _caption(record, "caption", rng, may_miss=place > 0)
            section = rng.choice(("Sports", "Zürich", *_MISSING))
            _set(record, "section", section)
            truth.topic = section if section in ("Sports", "Zürich") else None
            put(folder / "n" / "imgs" / f"{id_}.jpg", PICTURES[number])
            truths.append(truth)
            records.append(record)
            number += 1
        _save(folder / "n" / "news" / f"nytimes_{split}.json", records, rng)
    return Written({"kind": "n24news", "root": "n"}, truths, ("nytimes_",))


def visualnews(folder: Path, rng: random.Random) -> Written:
    """The authors' three files or the release's one, with image paths in every way."""
    is_split = rng.random() < 0.5
    of_file: dict[str, list[dict[str, Any]]] = {}
    truths = []
    for number in range(rng.randint(3, 8)):
        file = ("train", "val", "test")[number % 3] if is_split else "data"
        path = f"{rng.choice(('bbc', 'guardian', 'usa_today'))}/images/{number:04d}/{number}.jpg"
        put(folder / "n" / path, PICTURES[number])
        truth = Truth("", number, str(number), file if is_split else None, may_be_numbered=True)
        record: dict[str, Any] = {"id": rng.choice((number, str(number), float(number), f"{number}.0"))}
        record["image_path"] = rng.choice(
            (f"./{path}", path, f"././{path}", f"origin/{path}", path.replace("/", "\\"), f"/home/x/VisualNews/{path}")
        )
        if number > 3 and rng.random() < 0.15:
            del record["image_path"]
            _set(record, "image_path", rng.choice(_MISSING))
            truth.image = None
        if number > 3 and rng.random() < 0.15:
            del record["id"]
            _set(record, "id", rng.choice(_MISSING))
            truth.id = None
        truth.caption = _caption(record, "caption", rng, may_miss=number > 3)
        truth.topic = rng.choice((None, "law_crime"))
        _set(record, "topic", truth.topic)
        of_file.setdefault(file, []).append(record)
        truths.append(truth)
    for file, records in of_file.items():
        _save(folder / "n" / f"{file}.json", records, rng)
    return Written({"kind": "visualnews", "root": "n"}, truths, (".json",))


def goodnews(folder: Path, rng: random.Random) -> Written:
    """The release: articles of several images, some without a split, some in the list of broken images."""
    articles: dict[str, Any] = {}
    splits: dict[str, str] = {}
    truths = []
    broken = []
    number = 0
    for article in range(rng.randint(1, 4)):
        name = f"4fd2{article:020x}"
        captions: dict[str, Any] = {}
        for image in range(rng.randint(1, 3)):
            id_ = f"{name}_{image}"
            truth = Truth("", number, id_, rng.choice(("train", "val", "test")))
            truth.caption = _caption(captions, str(image), rng, may_miss=False)
            put(folder / "n" / "images" / f"{id_}.jpg", PICTURES[number])
            if number and rng.random() < 0.1:
                broken.append(rng.choice((id_, f"{id_}.jpg", f"images\\{id_}.jpg\r")))
                truth.is_skipped = True
            if truth.split is not None and (not number or rng.random() < 0.9):
                splits[id_] = truth.split
            else:
                truth.is_skipped = True
            truths.append(truth)
            number += 1
        articles[name] = {"headline": {"main": "H"}, "images": captions}
    if rng.random() < 0.3:
        articles["none"] = rng.choice(({"images": None}, {"headline": {}}, {"images": {}}))
    _save(folder / "n" / "captioning_dataset.json", articles, rng)
    _save(folder / "n" / "img_splits.json", splits, rng)
    if broken:
        put(folder / "n" / "broken_images.txt", "\n".join(broken))
    return Written({"kind": "goodnews", "root": "n"}, truths, (".json",))
