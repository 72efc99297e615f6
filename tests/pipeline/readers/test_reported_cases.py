"""Data of the shapes that people report in public trackers (tests/data/reader_cases), each with what a user expects."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.images.check import image_problem
from tests.support.own_data import own_manifest, pairs_of

CASES = Path(__file__).parents[2] / "data" / "reader_cases"
LION = "A lion in the hall of Fenmund"
CSV = {"kind": "csv", "file": "p.csv", "root": "img"}
JSONL = {"kind": "jsonl", "file": "p.jsonl", "root": "img"}
PARQUET = {"kind": "parquet", "file": "p.parquet"}
FOLDER = {"kind": "folder", "root": "pics"}
TAR = {"kind": "webdataset", "file": "s-00000.tar"}
# By case: the dataset; id, split, caption and whether the image is usable, for each pair; what the reader says.
READ: dict[str, tuple[dict[str, Any], list[tuple[str, str, str, bool]], str]] = {
    "csv_backslash": (CSV, [("1", "train", LION, True)], "image paths with backslashes: 1"),
    "csv_image_url": (CSV, [("1", "train", LION, False)], "image paths that are URLs, which are not fetched: 1"),
    "csv_nfd": (
        CSV,
        [("1", "train", LION, True)],
        "image paths in another Unicode form (NFC or NFD) than the file's name: 1",
    ),
    "csv_path_with_root": (CSV, [("1", "train", LION, True)], "image paths that repeat the end of the image root: 1"),
    "csv_semicolon": (CSV, [("1", "train", LION, True)], "separator: semicolon"),
    "csv_split_restval": (
        CSV,
        [(str(n), split, f"{LION} {n}", True) for n, split in enumerate(("train", "restval", "val", "test"))],
        "splits from a column",
    ),
    "folder_mixed": (
        FOLDER,
        [(one, "train", LION, True) for one in ("a", "a#2")]
        + [(one, "train", f"{LION} {one}", True) for one in ("b", "c", "d", "e")],
        "skipped: 1 files and folders that systems leave behind (Thumbs.db)",
    ),
    "folder_split_class": (
        FOLDER,
        [("train/a", "train", LION, True), ("val/b", "val", f"{LION} b", True)],
        "skipped: 1 files and folders that systems leave behind (__MACOSX)",
    ),
    "folder_utf16_sidecar": (FOLDER, [("a", "train", "Ein Löwe in Fenmund", True)], "captions cleaned: 0 of 1"),
    "jsonl_is_json": (JSONL, [("5901d9ab4d13e0bd24fc", "train", LION, True)], "a JSON list, not JSON lines"),
    "jsonl_missing_key": (
        JSONL,
        [("1", "train", LION, True), ("2", "train", f"{LION} 2", False)],
        "records without an image, whose rows get the status bad_image: 1",
    ),
    "pq_decimal_date": (PARQUET, [("12", "train", LION, True), ("13", "test", "", True)], "splits from a column"),
    "pq_image_none": (
        PARQUET,
        [
            ("432b96071411a9d235db", "train", LION, False),
            ("52e36f939eebd948bbdd", "test", f"{LION}2", True),
            ("cc326755e1918834b335", "train", f"{LION}3", False),
        ],
        "records without an image, whose rows get the status bad_image: 1",
    ),
    "pq_uuid": (
        PARQUET,
        [("ff" * 16, "train", LION, True), ("01" * 16, "test", f"{LION}2", True)],
        "captions cleaned: 0 of 2",
    ),
    "wds_bytes_txt_utf16": (
        TAR,
        [("s-00000/0", "train", "Ein Löwe in Fenmund", True)],
        "captions cleaned: 0 of 1",
    ),
    "wds_missing_image": (
        TAR,
        [(f"s-00000/000{n}", "train", f"{LION}{n}", n != 1) for n in range(3)],
        "records without an image, whose rows get the status bad_image: 1",
    ),
    "wds_mixed_dots": (
        TAR,
        [(f"s-00000/{key}", "train", f"{LION}{n}", True) for n, key in enumerate(("a", "St. Mary 2.0", "c"))],
        "captions cleaned: 0 of 3",
    ),
    "wds_same_name_twice": (
        TAR,
        [(f"s-00000/0001{end}", "train", f"{LION}{n}", True) for n, end in enumerate(("", "#2", "#3"))],
        "tar members with the name of an earlier one, each the start of a new record: 2",
    ),
}


def _case(name: str, folder: Path) -> Path:
    shutil.copytree(CASES / name, folder / name)
    return folder / name


@pytest.mark.parametrize("name", READ)
def test_it_is_read_as_people_expect(name: str, tmp_path: Path) -> None:
    dataset, expected, said = READ[name]
    folder = _case(name, tmp_path)
    pairs, notes = pairs_of(folder, dataset)
    root = own_manifest(folder, dataset).image_root
    assert [(p.id, p.split, p.caption, image_problem(root, p.image) is None) for p in pairs] == expected
    assert any(said in line for line in notes), notes


def test_every_case_is_here() -> None:
    assert {path.name for path in CASES.iterdir()} == {*READ, "csv_latin1"}


def test_western_text_is_refused_until_its_encoding_is_named(tmp_path: Path) -> None:
    folder = _case("csv_latin1", tmp_path)
    with pytest.raises(PipelineError, match=r"line 2: .*reads 'Beyoncé “Queen” at .* dataset\.encoding to cp1252"):
        pairs_of(folder, CSV)
    assert pairs_of(folder, {**CSV, "encoding": "cp1252"})[0][0].caption == "Beyoncé “Queen” at Château d\u2019If"
    damaged, notes = pairs_of(folder, {**CSV, "encoding": "utf8"})
    assert damaged[0].caption == "Beyonc\ufffd \ufffdQueen\ufffd at Ch\ufffdteau d\ufffdIf"
    assert "(1 characters that are not UTF-8)" in notes[1]


def test_a_url_is_named_as_such_and_other_splits_can_be_mapped(tmp_path: Path) -> None:
    folder = _case("csv_image_url", tmp_path)
    problem = image_problem(folder / "img", pairs_of(folder, CSV)[0][0].image)
    assert problem is not None
    assert problem.startswith("https://127.0.0.1:9/a.jpg?quality=90 is a URL, but images are files")
    folder = _case("csv_split_restval", tmp_path)
    pairs, notes = pairs_of(folder, {**CSV, "rename_splits": {"restval": "train"}})
    assert [pair.split for pair in pairs] == ["train", "train", "val", "test"]
    assert "splits: 'restval' is train" in notes
