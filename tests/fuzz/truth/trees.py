"""Folders of images with text files, and WebDataset tars, with what people and systems leave in them."""

import gzip
import io
import json
import random
import tarfile
import unicodedata
from pathlib import Path
from typing import Any

from tests.fuzz.truth.files import PICTURES
from tests.fuzz.truth.texts import Text, caption, topic
from tests.fuzz.truth.truths import Truth, Written
from tests.support.own_data import put

_ENDINGS = ("jpg", "JPG", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jfif", "jpe", "ppm", "PNG")
_STEMS = ("{}", "000{}", "St. Mary 2.{}", "a.b.{}", "Zoë {}", "A\u030a{}", "x y{}", "{}.", "#{}", "(1) {}", "東京{}")
_LINES = "\n\r"  # what ends a line of a text file


def folder_of_images(folder: Path, rng: random.Random) -> Written:
    """Images with text files beside them, of any ending and encoding, and junk."""
    codec, named = rng.choice((("utf-8", None),) * 3 + (("utf-8-sig", None), ("utf-16", None), ("cp1252", "cp1252")))
    codec, named = rng.choice(((codec, named), (codec, named), ("latin-1", "latin-1")))
    root = folder / "pics"
    folders = rng.choice(((("", None),), (("", None), ("sub/é/", None)), (("train/", "train"), ("dev/", "val"))))
    whole = rng.random() < 0.4
    sidecar = rng.choice((".txt", ".txt", ".caption"))
    truths: list[Truth] = []
    counted: dict[str, int] = {}
    for number in range(rng.randint(1, 8)):
        where, split = rng.choice(folders) if number >= len(folders) else folders[number]
        stem = unicodedata.normalize(rng.choice(("NFC", "NFD")), rng.choice(_STEMS).format(number))
        ending = rng.choice(_ENDINGS)
        put(root / f"{where}{stem}.{ending}", PICTURES[number])
        if number and rng.random() < 0.08:
            counted[f"images without a {sidecar} file"] = counted.get(f"images without a {sidecar} file", 0) + 1
            continue
        texts = [_line(rng, codec, whole) for _ in range(1 if whole else rng.choice((1, 1, 2, 3)))]
        content = rng.choice(("\n", "\r\n", "\n\n")).join(one.raw for one in texts) + rng.choice(
            ("", "\n", "\r\n", " ")
        )
        suffix = rng.choice((sidecar, sidecar, sidecar.upper(), f".{ending}{sidecar}"))
        put(root / f"{where}{stem}{suffix}", content.encode(codec))
        id_ = f"{where}{stem}"
        ids = [id_] if len(texts) == 1 else [f"{id_}_{place}" for place in range(len(texts))]
        truths += [
            Truth(one.clean, number, name, split, may_be_numbered=True) for one, name in zip(texts, ids, strict=True)
        ]
    for junk in rng.sample((".DS_Store", "__MACOSX/._0.jpg", "Thumbs.db", "._0.txt", "desktop.ini", "notes.md"), 2):
        put(root / junk, "junk")
    if rng.random() < 0.2:
        put(root / folders[0][0] / f"alone{sidecar}", "A text without an image")
        counted[f"{sidecar} files without an image"] = 1
    dataset: dict[str, Any] = {"kind": "folder", "root": "pics"}
    if named:
        dataset["encoding"] = named
    if whole:
        dataset["captions"] = "whole"
    if sidecar != ".txt":
        dataset["sidecar"] = sidecar
    return Written(dataset, truths, ("pics",), may_refuse=not truths, counted=counted)


def _line(rng: random.Random, codec: str, whole: bool) -> Text:
    return caption(rng, codec.removesuffix("-sig"), "" if whole else _LINES)


def tar_file(folder: Path, rng: random.Random) -> Written:
    """A tar: names with dots, names that come twice, any order of members, junk, members that nothing reads."""
    records: list[list[tuple[str, bytes]]] = []
    truths: list[Truth] = []
    name = rng.choice(("p.tar", "train-000.tar", "val-00.tar", "x.y.tar"))
    split = {"train-000.tar": "train", "val-00.tar": "val"}.get(name)
    stems = rng.sample(_STEMS, rng.choice((1, 2, 3)))
    where = rng.choice(("", "./", "d/"))
    used: set[str] = set()
    kinds: dict[str, tuple[str, bool]] = {}  # a name that comes twice has the same endings
    text_ending = rng.choice(("txt", "txt", "TXT"))
    for number in range(rng.randint(1, 8)):
        stem = rng.choice(stems).format(number if rng.random() < 0.9 else 0)
        key = f"{where.removeprefix('./')}{stem}"
        ending, is_json = kinds.setdefault(key, (rng.choice(_ENDINGS), "." not in stem and rng.random() < 0.4))
        text = caption(rng)
        truth = Truth(text.clean, number, f"{name.removesuffix('.tar')}/{key}", split, may_be_numbered=True)
        members = [(f"{where}{stem}.{ending}", PICTURES[number])]
        if not is_json:
            codec = rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16"))
            members.append((f"{where}{stem}.{text_ending}", text.raw.encode(codec)))
        else:
            truth.topic = topic(rng)
            fields = {"caption": text.raw, "topic": truth.topic, "size": 3}
            members.append((f"{where}{stem}.json", json.dumps(fields, ensure_ascii=rng.random() < 0.5).encode()))
        if key in used and rng.random() < 0.5:
            continue
        used.add(key)
        rng.shuffle(members)
        if rng.random() < 0.1 and "." not in stem:
            members.append((f"{where}{stem}.npy", b"x"))
        if rng.random() < 0.05 and number and "." not in stem:
            members = [one for one in members if not one[0].endswith(f".{ending}")]
            truth.image = None
        records.append(members)
        truths.append(truth)
    members = [one for record in records for one in record]
    is_apart = rng.random() < 0.1
    if is_apart:
        members.sort(key=lambda one: one[0].rpartition(".")[2].lower() in ("txt", "json"))
    for junk in ("__MACOSX/._0.jpg", "._0.txt", ".DS_Store", "README"):
        if rng.random() < 0.1:
            members.insert(rng.randint(0, len(members)), (junk, b"junk"))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as tar:
        for member, content in members:
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    is_packed = rng.random() < 0.2
    file = put(
        folder / (f"{name}.gz" if is_packed else name),
        gzip.compress(stream.getvalue(), 1) if is_packed else stream.getvalue(),
    ).name
    return Written({"kind": "webdataset", "file": file}, truths, (name,), may_refuse=is_apart)
