from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.images.check import image_problem
from pipeline.pair import Pair
from tests.support.own_data import own_manifest, pairs_of, picture, put

FOLDER = {"kind": "folder", "root": "pictures"}


def test_images_with_texts_beside_them(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for name in ("b/two.PNG", "a.png", "alone.png", "b/.hidden.png"):
        put(root / name, picture(1))
    put(root / "a.txt", "\ufeffAnn at Ascot\n\nAnn, again\n")
    put(root / "b" / "two.txt", "Kofi\n")
    put(root / "b" / "nothing.txt", "x")
    pairs, notes = pairs_of(tmp_path, {**FOLDER, "held_out": 1})
    assert pairs == [
        Pair("a_0", "train", "a.png", "Ann at Ascot"),
        Pair("a_1", "train", "a.png", "Ann, again"),
        Pair("b/two", "train", "b/two.PNG", "Kofi"),
    ]
    assert "skipped: 1 images without a .txt file" in notes
    assert "skipped: 1 .txt files without an image" in notes
    manifest = own_manifest(tmp_path, FOLDER)
    assert [image_problem(manifest.image_root, pair.image) for pair in pairs] == [None] * 3
    whole, _ = pairs_of(tmp_path, {**FOLDER, "captions": "whole"})
    assert whole[0] == Pair("a", "train", "a.png", "Ann at Ascot Ann, again")


def test_folders_name_splits(tmp_path: Path) -> None:
    for folder in ("train/x", "dev", "test"):
        put(tmp_path / "pictures" / folder / "1.jpg", picture(1, "JPEG"))
        put(tmp_path / "pictures" / folder / "1.caption", f"In {folder}")
    pairs, notes = pairs_of(tmp_path, {**FOLDER, "sidecar": ".caption"})
    assert [(p.id, p.split) for p in pairs] == [("dev/1", "val"), ("test/1", "test"), ("train/x/1", "train")]
    assert notes[0].endswith("splits by file or folder")
    (tmp_path / "pictures" / "more").mkdir()
    with pytest.raises(PipelineError, match="some file names contain a split, but more contains none"):
        pairs_of(tmp_path, FOLDER)


def test_links_lead_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    put(root / "a.png", picture(1))
    put(tmp_path / "secret.txt", "a secret")
    (root / "a.txt").symlink_to(tmp_path / "secret.txt")
    put(root / "b.png", picture(1))
    (root / "b.txt").symlink_to("b.txt")
    (root / "loop").symlink_to(root)
    pairs, notes = pairs_of(tmp_path, FOLDER)
    assert pairs == []
    assert notes[2:] == [
        "skipped: 1 text files that are links leading out of the folder",
        "skipped: 1 text files that cannot be read",
        "skipped: 1 folders that are links",
    ]
    with pytest.raises(PipelineError, match=r"no image root at .*nowhere; set dataset\.root"):
        pairs_of(tmp_path, {"kind": "folder", "root": "nowhere"})


def test_only_line_ends_divide_captions(tmp_path: Path) -> None:
    put(tmp_path / "pictures" / "a.png", picture(1))
    put(
        tmp_path / "pictures" / "a.txt", "Paris\x85 by night\r\nAnn\u2028at\x0cAscot\rKofi".encode("latin-1", "replace")
    )
    pairs, _ = pairs_of(tmp_path, {**FOLDER, "encoding": "latin-1"})
    assert [pair.caption for pair in pairs] == ["Paris by night", "Ann?at Ascot", "Kofi"]
