"""Parquet files and saved Hugging Face datasets with columns of any type."""

import datetime
import random
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.truth.files import PICTURES, write_images
from tests.fuzz.truth.rows import Rows, make_rows, text_id
from tests.fuzz.truth.truths import Written
from tests.support.own_data import HF_IMAGE

Ids = Callable[[random.Random, int], tuple[Any, str]]


def _dates(rng: random.Random, number: int) -> tuple[Any, str]:
    day = datetime.date(2020, 1, 1 + number)
    return day, day.isoformat()


def _times(rng: random.Random, number: int) -> tuple[Any, str]:
    hour = rng.choice((0, 7))
    moment = datetime.datetime(2020, 1, 1 + number, hour)
    return moment, f"2020-01-0{1 + number}" + ("T07:00:00" if hour else "")


def _uuids(rng: random.Random, number: int) -> tuple[Any, str]:
    value = rng.choice((bytes([number] * 15 + [255]), uuid.UUID(int=rng.getrandbits(128) | 0xFF).bytes))
    return value, value.hex()


def _binary(rng: random.Random, number: int) -> tuple[Any, str]:
    text = f"Zoë-{number}"
    return text.encode(), text


_TYPES: dict[str, tuple[pa.DataType, Ids]] = {
    "int64": (pa.int64(), lambda rng, number: (10**17 + number, str(10**17 + number))),
    "int8": (pa.int8(), lambda rng, number: (number, str(number))),
    "uint64": (pa.uint64(), lambda rng, number: (2**64 - 1 - number, str(2**64 - 1 - number))),
    "decimal": (pa.decimal128(20, 2), lambda rng, number: (Decimal(12 + number), str(12 + number))),
    "decimal of a half": (pa.decimal128(20, 1), lambda rng, number: (Decimal(number) + Decimal("0.5"), f"{number}.5")),
    "date": (pa.date32(), _dates),
    "timestamp": (pa.timestamp("us"), _times),
    "uuid": (pa.binary(16), _uuids),
    "binary": (pa.binary(), _binary),
    "large_binary": (pa.large_binary(), _uuids),
    "string": (pa.string(), text_id),
    "large_string": (pa.large_string(), text_id),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), text_id),
    "string_view": (pa.string_view(), text_id),
}
_TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string()))


def parquet_file(folder: Path, rng: random.Random) -> Written:
    """A Parquet file: images inside or as paths, ids of any type, texts of any type of text."""
    images = write_images(folder / "images", rng)
    is_inside = rng.random() < 0.5
    kind, ids = _TYPES[rng.choice(tuple(_TYPES))]
    has_lists = rng.random() < 0.15
    with_path = rng.random() < 0.6

    def inside(number: int) -> Any:
        return {"bytes": PICTURES[number], "path": rng.choice(("a.png", None))} if with_path else PICTURES[number]

    made = make_rows(rng, folder / "images", images, ids=ids, image=inside if is_inside else None)
    arrays: dict[str, pa.Array] = {}
    for role, name in made.columns.items():
        values = [_no_nan(row.get(name)) for row in made.rows]
        if role == "image" and is_inside:
            arrays[name] = pa.array(values, HF_IMAGE if with_path else rng.choice((pa.binary(), pa.large_binary())))
        elif role == "caption" and has_lists:
            arrays[name] = pa.array([None if one is None else [one] for one in values], pa.list_(pa.string()))
        else:
            arrays[name] = pa.array(values, kind if role == "id" else rng.choice(_TEXTS))
    if has_lists:
        _in_lists(made)
    name = "p.parquet"
    split = rng.choice((None, "test")) if "split" not in made.columns else None
    if split:
        name = "p-testing-00000-of-00001.parquet"
    order = rng.sample(list(arrays), len(arrays))
    pq.write_table(
        pa.table({one: arrays[one] for one in order}),
        folder / name,
        row_group_size=rng.choice((1, 3, 100)),
        compression=rng.choice(("none", "zstd", "snappy")),
        use_dictionary=rng.random() < 0.5,
        version=rng.choice(("1.0", "2.6")) if kind != pa.timestamp("us") else "2.6",
    )
    for truth in made.truths:
        truth.split = truth.split or split
        truth.may_be_numbered = truth.may_be_numbered or truth.id is None
    dataset: dict[str, Any] = {"kind": "parquet", "file": name}
    if not is_inside:
        dataset["root"] = "images"
    if made.of:
        dataset["columns"] = made.of
    return Written(dataset, made.truths, (name,), counted=made.counted)


def _no_nan(value: Any) -> Any:
    return None if isinstance(value, float) else value


def _in_lists(made: Rows) -> None:
    name = made.columns["caption"]
    for row, truth in zip(made.rows, made.truths, strict=True):
        if isinstance(row.get(name), str) and truth.id is not None:
            truth.id += "_0"
        elif truth.id is None:
            truth.may_be_numbered = True


def hugging_face(folder: Path, rng: random.Random) -> Written:
    """A dataset of one or several splits, as `save_to_disk` writes it."""
    import datasets

    datasets.disable_progress_bars()
    images = write_images(folder / "images", rng)
    made = make_rows(
        rng, folder / "images", images, image=lambda number: {"bytes": PICTURES[number], "path": f"{number}.png"}
    )
    names = list(made.columns.values())
    features = {name: datasets.Value("string") for name in names}
    features[made.columns["image"]] = datasets.Image()
    if (topic := made.columns.get("topic")) is not None and rng.random() < 0.5:
        labels = sorted({row[topic] for row in made.rows if row[topic]}) or ["none"]
        features[topic] = datasets.ClassLabel(names=labels)
        for row in made.rows:
            row[topic] = None if row[topic] is None else labels.index(row[topic])
    table = {name: [_no_nan(row.get(name)) for row in made.rows] for name in names}
    one = datasets.Dataset.from_dict(table, datasets.Features(features))
    if rng.random() < 0.5:
        split = rng.choice(("train", "validation", "test"))
        datasets.DatasetDict({split: one}).save_to_disk(str(folder / "saved"))
        for truth in made.truths:
            truth.split = truth.split or {"validation": "val"}.get(split, split)
    else:
        one.save_to_disk(str(folder / "saved"))
    for truth in made.truths:
        truth.may_be_numbered = truth.may_be_numbered or truth.id is None
    dataset: dict[str, Any] = {"kind": "huggingface", "path": "saved"}
    if made.of:
        dataset["columns"] = made.of
    return Written(dataset, made.truths, ("saved",), counted=made.counted)
