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
