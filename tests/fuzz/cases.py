"""Valid data of every kind, and ways to make each of them hostile."""

import csv
import gzip
import io
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from tests.fuzz.mutations import VALUES
from tests.pipeline.readers.test_webdataset import odd, tar
from tests.support.news import write_goodnews, write_n24news, write_visualnews
from tests.support.own_data import HF_IMAGE, picture, put

Rows = list[dict[str, Any]]
FIELDS = ("id", "image", "caption", "split", "topic")


@dataclass
class Kind:
    """A kind of data: where it lies, which of its files are attacked, and how rows of any values become a file."""

    dataset: dict[str, Any]
    targets: list[str]
    from_rows: Callable[[Rows, random.Random], bytes] | None = None
    weight: int = 1
    valid: dict[str, bytes] = field(default_factory=dict)


def rows(rng: random.Random | None = None) -> Rows:
    """Six good rows; with `rng`, some of their values are hostile, missing, or doubled."""
    good: Rows = [
        {
            "id": f"p{n}",
            "image": f"{n % 3}.png",
            "caption": f"Ann {n} at Ascot",
            "split": ("train", "val")[n % 2],
            "topic": "t",
        }
        for n in range(6)
    ]
    if rng is not None:
        for _ in range(rng.choice((1, 2, 5))):
            row = rng.choice(good)
            name = rng.choice((*FIELDS, "image", "caption"))
            if rng.random() < 0.1:
                row.pop(name, None)
            else:
                row[name] = rng.choice(VALUES)
        if rng.random() < 0.2:
            good.append(dict(rng.choice(good)))
    return good


def write_surroundings(root: Path) -> None:
    """Images, a link out, a link in a circle, a pipe and a folder below the image root, and a secret outside."""
    images = root / "images"
    for number in range(3):
        put(images / f"{number}.png", picture(number))
    put(root.parent / "outside" / "secret.png", picture(9))
    put(root.parent / "outside" / "secret.txt", "a secret")
    (images / "link.png").symlink_to(root.parent / "outside" / "secret.png")
    (images / "linked").symlink_to(root.parent / "outside")
    (images / "loop").symlink_to("loop")
    (images / "folder").mkdir()
    os.mkfifo(images / "pipe")


def kinds(root: Path) -> dict[str, Kind]:
    """Every kind, its valid files written below `root`."""
    write_surroundings(root)
    found = {
        "csv": Kind({"kind": "csv", "file": "p.csv", "root": "images"}, ["p.csv"], _csv, 5),
        "tsv": Kind({"kind": "tsv", "file": "p.tsv", "root": "images", "quotes": True}, ["p.tsv"], _tsv, 3),
        "csv.gz": Kind({"kind": "csv", "file": "p.csv.gz", "root": "images"}, ["p.csv.gz"], _csv_gz, 3),
        "jsonl": Kind({"kind": "jsonl", "file": "p.jsonl", "root": "images"}, ["p.jsonl"], _jsonl, 5),
        "parquet": Kind({"kind": "parquet", "file": "p.parquet"}, ["p.parquet"], _parquet, 8),
        "parquet of paths": Kind(
            {"kind": "parquet", "file": "q.parquet", "root": "images"}, ["q.parquet"], _parquet_paths, 4
        ),
        "webdataset": Kind({"kind": "webdataset", "file": "t.tar"}, ["t.tar"], _tar, 6),
        "webdataset.gz": Kind({"kind": "webdataset", "file": "t.tar.gz"}, ["t.tar.gz"], _tar_gz, 3),
        "folder": Kind({"kind": "folder", "root": "pictures"}, ["pictures/a.txt", "pictures/b/c.txt"], _sidecar, 3),
        "n24news": Kind(
            {"kind": "n24news", "root": "n24news"}, [f"n24news/news/nytimes_{s}.json" for s in ("train", "dev")]
        ),
        "visualnews": Kind({"kind": "visualnews", "root": "visualnews"}, ["visualnews/data.json"], _visualnews, 2),
        "goodnews": Kind(
            {"kind": "goodnews", "root": "goodnews"}, ["goodnews/captioning_dataset.json", "goodnews/img_splits.json"]
        ),
        "huggingface": Kind(
            {"kind": "huggingface", "path": "saved"},
            ["saved/data-00000-of-00001.arrow"] * 9 + ["saved/dataset_info.json"],
            None,
            3,
        ),
    }
    good = random.Random(0)
    for kind in found.values():
        if kind.from_rows is not None and kind.dataset["kind"] != "visualnews":
            for target in kind.targets:
                put(root / target, kind.from_rows(rows(), good))
    for name in ("a", "b/c"):
        put(root / "pictures" / f"{name}.png", picture(1))
    (root / "pictures" / "d.txt").symlink_to(root.parent / "outside" / "secret.txt")
    put(root / "pictures" / "d.png", picture(1))
    write_n24news(root / "n24news", 2)
    write_visualnews(root / "visualnews", 4)
    write_goodnews(root / "goodnews", 3)
    _save_hugging_face(root / "saved")
    for kind in found.values():
        kind.valid = {target: (root / target).read_bytes() for target in kind.targets}
    return found


def _save_hugging_face(folder: Path) -> None:
    import datasets

    table = {"image": [{"bytes": picture(n), "path": None} for n in range(3)], "text": ["A", "B", "C"]}
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(table, features).save_to_disk(str(folder))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _csv(some: Rows, rng: random.Random, delimiter: str = ",") -> bytes:
    stream = io.StringIO()
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=rng.choice(("\n", "\r\n")))
    writer.writerow(FIELDS)
    for row in some:
        writer.writerow([_text(row.get(name)) for name in FIELDS][: rng.choice((5, 5, 5, 4, 1))])
    return _bytes(stream.getvalue())


def _tsv(some: Rows, rng: random.Random) -> bytes:
    return _csv(some, rng, "\t")


def _csv_gz(some: Rows, rng: random.Random) -> bytes:
    return gzip.compress(_csv(some, rng), 1)


def _jsonl(some: Rows, rng: random.Random) -> bytes:
    return b"".join(_bytes(json.dumps(row, ensure_ascii=rng.random() < 0.5)) + b"\n" for row in some)


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        return pa.array([_bytes(_text(value)) if value is not None else None for value in values])


def _parquet(some: Rows, rng: random.Random) -> bytes:
    images = [{"bytes": _image(row.get("image")), "path": _clean(row.get("image"))} for row in some]
    return _write_parquet({"image": pa.array(images, HF_IMAGE)}, some, rng)


def _parquet_paths(some: Rows, rng: random.Random) -> bytes:
    return _write_parquet({"image": _column([row.get("image") for row in some])}, some, rng)


def _write_parquet(columns: dict[str, pa.Array], some: Rows, rng: random.Random) -> bytes:
    for name in FIELDS:
        if name != "image":
            columns[name] = _column([row.get(name) for row in some])
    stream = io.BytesIO()
    compression = rng.choice(("none", "snappy", "zstd", "gzip"))
    pq.write_table(
        pa.table(columns), stream, compression=compression, row_group_size=4, use_dictionary=rng.random() < 0.5
    )
    return stream.getvalue()


def _clean(value: Any) -> str:
    return _text(value).encode("utf-8", "replace").decode()


def _image(value: Any) -> bytes | None:
    """An image of any sort, or no image at all."""
    if value is None:
        return None
    return picture(len(_text(value)) % 5) if isinstance(value, str) else _bytes(_text(value))


def _tar(some: Rows, rng: random.Random) -> bytes:
    members: dict[str, Any] = {}
    for number, row in enumerate(some):
        key = _clean(row.get("id")).replace("\0", "")[:5000] if rng.random() < 0.3 else str(number)
        members[f"{key}.png"] = _image(row.get("image")) or odd(
            rng.choice((b"1", b"2", b"3", b"6", b"5", b"S")), "../x"
        )
        if rng.random() < 0.5:
            members[f"{key}.txt"] = _bytes(_text(row.get("caption")))
        else:
            members[f"{key}.json"] = _bytes(json.dumps(row))
    return tar(members)


def _tar_gz(some: Rows, rng: random.Random) -> bytes:
    return gzip.compress(_tar(some, rng), 1)


def _sidecar(some: Rows, rng: random.Random) -> bytes:
    return b"\n".join(_bytes(_text(row.get("caption"))) for row in some[: rng.choice((1, 3))])


def _visualnews(some: Rows, rng: random.Random) -> bytes:
    names = {"image": "image_path", "split": "article_path"}
    return _bytes(json.dumps([{names.get(name, name): value for name, value in row.items()} for row in some]))


def manifest_text(dataset: dict[str, Any], rng: random.Random | None = None) -> bytes:
    """A manifest; with `rng`, some of its values are hostile, or stand elsewhere."""
    content: dict[str, Any] = {
        "name": "own",
        "dataset": dict(dataset),
        "generation": {"model": "none", "prompt": "news-v1", "sampling": {"temperature": 0.5, "stop": ["x"]}},
        "output": "out",
    }
    if rng is not None:
        for _ in range(rng.choice((1, 1, 3))):
            section = rng.choice(
                (content, content["dataset"], content["generation"], content["generation"]["sampling"])
            )
            if isinstance(section, dict) and section:
                name = rng.choice([*section, "columns", "work", "images", "header", "delimiter", "extra"])
                section[name] = rng.choice(VALUES)
            if not isinstance(content["dataset"], dict) or not isinstance(content["generation"], dict):
                break
            if not isinstance(content["generation"].get("sampling"), dict):
                break
    return _bytes(yaml.safe_dump(content, allow_unicode=rng is not None and rng.random() < 0.5))


def images() -> list[bytes]:
    """Good images of many sorts, small."""
    found = []
    for mode in ("RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "F", "YCbCr"):
        for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "AVIF", "PPM"):
            stream = io.BytesIO()
            try:
                Image.new(mode, (9, 7)).save(stream, form)
            except (OSError, KeyError, ValueError):
                continue
            found.append(stream.getvalue())
    for form in ("GIF", "WEBP", "PNG"):
        stream = io.BytesIO()
        frames = [Image.new("RGB", (5, 5), (n, 0, 0)) for n in range(3)]
        frames[0].save(stream, form, save_all=True, append_images=frames[1:])
        found.append(stream.getvalue())
    for size in ((1, 1), (1, 500), (500, 1)):
        stream = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", size).save(stream, "JPEG", exif=exif)
        found.append(stream.getvalue())
    return found
