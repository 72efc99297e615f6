"""CSV, TSV, JSON lines and JSON lists as people and programs write them."""

import csv
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

from tests.fuzz.truth.files import write_images
from tests.fuzz.truth.rows import Rows, make_rows
from tests.fuzz.truth.truths import Written
from tests.support.own_data import put

_WIDE = ("utf-8-sig", "utf-16", "utf-32")
_WIDE_LETTERS = ("gb18030", "shift_jis")  # unnamed, the second byte of a letter may be an ASCII letter
_NAMED = ("cp1252", "latin-1", "cp1250", "gb18030", "shift_jis", "utf-16-le", "utf-16-be")


def _encoding(rng: random.Random) -> tuple[str, dict[str, str], bool]:
    """An encoding, what the manifest says of it, and whether it is one that must be named but is not."""
    if rng.random() < 0.5:
        return "utf-8", {}, False
    if rng.random() < 0.6:
        return rng.choice(_WIDE), {}, False
    codec = rng.choice(_NAMED)
    if codec.startswith("utf-16"):
        return codec, {"encoding": codec}, False
    is_named = codec in _WIDE_LETTERS or rng.random() < 0.7
    return codec, {"encoding": codec} if is_named else {}, not is_named


def _file(name: str, text: str, codec: str, folder: Path, rng: random.Random) -> str:
    content = text.encode(codec)
    if rng.random() < 0.1:
        name, content = f"{name}.gz", gzip.compress(content, 1)
    put(folder / name, content)
    return name


def _written(name: str, dataset: dict[str, Any], made: Rows, is_unnamed: bool) -> Written:
    if made.of:
        dataset["columns"] = made.of
    counted = {} if is_unnamed else made.counted
    return Written(dataset, made.truths, (name,), may_refuse=is_unnamed, is_lossy=is_unnamed, counted=counted)


def csv_file(folder: Path, rng: random.Random) -> Written:
    """A CSV or TSV file in any dialect and encoding."""
    codec, named, is_unnamed = _encoding(rng)
    images = write_images(folder / "images", rng, codec)
    is_raw = rng.random() < 0.25  # separated by tabs, quotation marks as they are
    delimiter = "\t" if is_raw else rng.choice((",", ",", ";", "\t", "|"))
    made = make_rows(rng, folder / "images", images, codec=codec, is_text=True, without="\t\n\r" if is_raw else "")
    stream = io.StringIO()
    header = list(made.columns.values())
    extra = rng.choice(((), (), ("width",), ("a note", "Größe")))
    header += [name for name in extra if name.encode(codec, "replace").decode(codec) == name]
    rng.shuffle(header)
    end = rng.choice(("\n", "\n", "\r\n"))
    if is_raw:
        writer: Any = None
        stream.write("\t".join(header) + end)
        for row in made.rows:
            stream.write("\t".join(row.get(name) or "" for name in header) + end)
    else:
        quoting: Any = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC))
        if delimiter == ";" and rng.random() < 0.2:
            stream.write(f"sep=;{end}")
        writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end)
        writer.writerow(header)
        for row in made.rows:
            values = [row.get(name) or "" for name in header]
            while len(values) > 1 and not values[-1] and rng.random() < 0.3:
                values.pop()  # a short row
            writer.writerow(values)
            if rng.random() < 0.05:
                stream.write(end)
    split = rng.choice((None, "val")) if "split" not in made.columns else None
    name = _file(f"{'dev-' if split else ''}p.{'tsv' if is_raw else 'csv'}", stream.getvalue(), codec, folder, rng)
    dataset: dict[str, Any] = {"kind": "tsv" if is_raw else "csv", "file": name, "root": "images", **named}
    is_usual = {"image", "caption"} & set(made.of) == set()
    if not is_raw and delimiter != "," and (not is_usual or rng.random() < 0.3):
        dataset["delimiter"] = delimiter
    for truth in made.truths:
        truth.split = truth.split or split
        truth.may_be_numbered = truth.id is None
    return _written(name, dataset, made, is_unnamed)


def json_file(folder: Path, rng: random.Random) -> Written:
    """JSON lines, or one list of objects."""
    codec, named, is_unnamed = _encoding(rng)
    images = write_images(folder / "images", rng, codec)
    is_ascii = rng.random() < 0.4

    def number_id(rng: random.Random, number: int) -> tuple[Any, str]:
        value = rng.choice((number, 10**18 + number, f"{number}", f"0{number}", number - 5))
        return value, str(value)

    ids = number_id if rng.random() < 0.4 else None
    made = make_rows(rng, folder / "images", images, codec=codec, has_lists=True, ids=ids)
    if is_ascii and rng.random() < 0.3 and not is_unnamed:
        _add_surrogate(made)
    rows = [dict(rng.sample(list(row.items()), len(row))) for row in made.rows]
    is_list = rng.random() < 0.3
    indent = rng.choice((None, 1)) if is_list else None
    texts = [json.dumps(row, ensure_ascii=is_ascii, indent=indent) for row in rows]
    if is_list:
        text = "[" + ",\n ".join(texts) + "]\n"
    else:
        text = "".join(one + rng.choice(("\n", "\n", "\r\n", "\n\n")) for one in texts)
        text = text if rng.random() < 0.8 else text.rstrip()
    name = _file(rng.choice(("p.jsonl", "p.json", "p.ndjson")), text, codec, folder, rng)
    for truth in made.truths:
        truth.may_be_numbered = truth.may_be_numbered or truth.id is None
    return _written(name, {"kind": "jsonl", "file": name, "root": "images", **named}, made, is_unnamed and not is_ascii)


def _add_surrogate(made: Rows) -> None:
    """Half a surrogate pair, as a text that was cut within an emoji has it."""
    name = made.columns["caption"]
    value = made.rows[0].get(name)
    if isinstance(value, str):
        made.rows[0][name], made.truths[0].caption = f"{value} x\ud83d", f"{made.truths[0].caption} x\ufffd"
        made.count("characters that are not UTF-8", made.truths[0])
