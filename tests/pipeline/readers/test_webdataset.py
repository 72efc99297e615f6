import gzip
import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from tests.support.own_data import own_manifest, pairs_of, picture, put


def tar(members: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar of files; a `TarInfo` stands as it is."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            if isinstance(content, bytes):
                info.size = len(content)
            file.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return stream.getvalue()


def odd(kind: bytes, link: str = "") -> tarfile.TarInfo:
    """A member that is no file."""
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, link
    return info


def _json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_records_of_tars(tmp_path: Path) -> None:
    first = {"./0001.jpg": picture(1), "./0001.txt": b"Ann at Ascot", "./0002.PNG": picture(2), "./0002.txt": b"Kofi"}
    second = {"x/0001.json": _json(caption=["A", "B"], topic="news"), "x/0001.jpg": picture(3), "x/0001.npy": b"no"}
    put(tmp_path / "tars" / "train-000.tar", tar(first))
    put(tmp_path / "tars" / "train-001.tar.gz", gzip.compress(tar(second)))
    put(tmp_path / "tars" / "val-000.tar", tar({"0001.webp": picture(1)}))
    dataset = {"kind": "webdataset", "file": ["tars/train-{000..000}.tar", "tars/train-001.tar.gz", "tars/val-*.tar"]}
    pairs, _ = pairs_of(tmp_path, dataset)
    images = [pair.image for pair in pairs]
    assert [(p.id, p.split, p.caption, p.topic) for p in pairs] == [
        ("train-000/0001", "train", "Ann at Ascot", None),
        ("train-000/0002", "train", "Kofi", None),
        ("train-001/x/0001_0", "train", "A", "news"),
        ("train-001/x/0001_1", "train", "B", "news"),
        ("val-000/0001", "val", "", None),
    ]
    assert images[2] == images[3]
    assert images[0] == images[4]  # the same bytes
    assert (own_manifest(tmp_path, dataset).image_root / images[1]).read_bytes() == picture(2)
    mapped, _ = pairs_of(tmp_path, {**dataset, "columns": {"id": "__key__", "caption": "json.topic"}})
    assert (mapped[2].id, mapped[2].caption) == ("x/0001", "news")


def test_members_that_are_no_files_lead_nowhere(tmp_path: Path) -> None:
    put(tmp_path / "secret.jpg", picture(9))
    content = tar(
        {
            "a.jpg": odd(tarfile.SYMTYPE, "../secret.jpg"),
            "b.jpg": odd(tarfile.LNKTYPE, "/etc/passwd"),
            "c.jpg": odd(tarfile.CHRTYPE),
            "d.jpg": odd(tarfile.FIFOTYPE),
            "../../up.jpg": picture(1),
            "../../up.txt": b"Up",
            "/etc/abs.jpg": picture(2),
            "/etc/abs.txt": b"Absolute",
        }
    )
    put(tmp_path / "data.tar", content)
    pairs, notes = pairs_of(tmp_path, {"kind": "webdataset", "file": {"train": "data.tar"}})
    assert [(p.id, p.caption) for p in pairs] == [("data/../../up", "Up"), ("data//etc/abs", "Absolute")]
    assert "skipped: 4 tar members that are not regular files" in notes
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {("secret.jpg",), ("data.tar",), ("own.yaml",), (".work", "own-images")}


@pytest.mark.parametrize("cut", [0, 300, 700, 1600])
def test_a_tar_that_is_cut_off_says_so(cut: int, tmp_path: Path) -> None:
    whole = tar({"a.jpg": picture(1), "a.txt": b"A" * 2000})
    put(tmp_path / "data.tar", whole[:cut])
    with pytest.raises(PipelineError, match=r"data\.tar (cannot be read as a tar after member \d|is an empty tar)"):
        pairs_of(tmp_path, {"kind": "webdataset", "file": "data.tar"})


def test_a_gz_bomb_is_refused_early(tmp_path: Path) -> None:
    put(tmp_path / "b.csv.gz", gzip.compress(b"image,caption\n" + (b"a.png," + bytes(2**20) + b"\n") * 20))
    with pytest.raises(
        PipelineError, match=r"b\.csv\.gz unpacks to more than 200 times its size, so it may be a decompression bomb"
    ):
        pairs_of(tmp_path, {"kind": "csv", "file": "b.csv.gz"})
    for end in (-5, -600):
        put(tmp_path / "c.csv.gz", gzip.compress(b"image,caption\na.png," + random.Random(0).randbytes(2000))[:end])
        with pytest.raises(PipelineError, match=r"c\.csv\.gz is truncated"):
            pairs_of(tmp_path, {"kind": "csv", "file": "c.csv.gz"})
    put(tmp_path / "d.csv.gz", b"image,caption\n")
    with pytest.raises(PipelineError, match=r"d\.csv\.gz is not a valid \.gz file"):
        pairs_of(tmp_path, {"kind": "csv", "file": "d.csv.gz"})


def _tar_of(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return stream.getvalue()


P = [picture(number) for number in range(9)]


@pytest.mark.parametrize(
    ("members", "expected", "said"),
    [
        ([("a.v2.jpg", P[0]), ("a.v2.txt", b"A")], [("a.v2", "A", True)], ""),
        ([("1.0.JPG", P[0]), ("1.0.txt", b"A"), ("1.1.jpg", P[1])], [("1.0", "A", True), ("1.1", "", True)], ""),
        (
            [("0.jpg", P[0]), ("0.seg.png", P[1]), ("0.seg.json", b"{}"), ("0.txt", b"A"), ("0.npy", b"x")],
            [("0", "A", True)],
            "skipped: 1 tar members that no column is read from (.seg.png)",
        ),
        (
            [("0.jpg", P[0]), ("0.txt", b"A"), ("0.v 2.jpg", P[1]), ("0.v 2.txt", b"B")],
            [("0", "A", True), ("0.v 2", "B", True)],
            "",
        ),
        ([("0.txt", b"A"), ("0.heic", b"x"), ("1.jpg", P[0])], [("0", "A", False), ("1", "", True)], "(.heic)"),
        ([("0.avif", P[0]), ("0.txt", b"A"), ("1.JFIF", P[0])], [("0", "A", True), ("1", "", True)], ""),
        (
            [("__MACOSX/0.jpg", b"x"), ("._0.jpg", b"x"), ("0.jpg", P[0]), ("0.txt", b"A")],
            [("0", "A", True)],
            "skipped: 2 tar members that systems leave behind, such as ._0001.jpg",
        ),
        (
            [("0.jpg", P[0]), ("0.txt", b"A"), ("1.jpg", P[1]), ("1.txt", b"B"), ("0.jpg", P[2]), ("0.txt", b"C")],
            [("0", "A", True), ("1", "B", True), ("0#2", "C", True)],
            "ids repeated within a split, numbered: 1",
        ),
        (
            [(f"St. {n}.{end}", P[0] if end == "jpg" else b"A") for n in range(200) for end in ("jpg", "txt")],
            [(f"St. {n}", "A", True) for n in range(200)],
            "",
        ),
    ],
)
def test_no_member_vanishes_uncounted(
    members: list[tuple[str, bytes]], expected: list[tuple[str, str, bool]], said: str, tmp_path: Path
) -> None:
    put(tmp_path / "t.tar", _tar_of(*members))
    pairs, notes = pairs_of(tmp_path, {"kind": "webdataset", "file": {"train": "t.tar"}})
    assert [(p.id.removeprefix("t/"), p.caption, bool(p.image)) for p in pairs] == expected
    assert any(said in line for line in notes), notes


@pytest.mark.parametrize("order", [("0.jpg", "1.jpg", "0.txt", "1.txt"), ("0.txt", "1.txt", "0.jpg", "1.jpg")])
def test_records_whose_members_are_apart_are_named_with_the_remedy(order: tuple[str, ...], tmp_path: Path) -> None:
    put(tmp_path / "t.tar", _tar_of(*((name, P[0] if name.endswith("jpg") else b"A") for name in order)))
    with pytest.raises(PipelineError, match=r"t\.tar: the image and the text of the record '0' are apart.* --sort"):
        pairs_of(tmp_path, {"kind": "webdataset", "file": {"train": "t.tar"}})


def test_several_images_without_a_text_are_no_whole_record(tmp_path: Path) -> None:
    names = ("0.jpg", "0.png", "1.jpg", "1.txt", "0.txt")
    put(tmp_path / "t.tar", _tar_of(*((name, b"A" if name.endswith("txt") else P[0]) for name in names)))
    with pytest.raises(PipelineError, match="the image and the text of the record '0' are apart"):
        pairs_of(tmp_path, {"kind": "webdataset", "file": {"train": "t.tar"}})


def test_a_tar_without_any_image_says_so(tmp_path: Path) -> None:
    put(tmp_path / "t.tar", _tar_of(("0.txt", b"A"), ("0.heic", b"x")))
    with pytest.raises(PipelineError, match=r"t\.tar, record 1: no column with images; the columns are __key__, txt"):
        pairs_of(tmp_path, {"kind": "webdataset", "file": {"train": "t.tar"}})
