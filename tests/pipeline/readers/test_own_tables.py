"""CSV, TSV, JSON lines and Parquet: the same data gives the same pairs, whatever it lies in."""

import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from pipeline.errors import PipelineError
from pipeline.images.check import image_problem
from pipeline.pair import Pair
from pipeline.readers.splits import hash_split
from tests.support.own_data import HF_IMAGE, own_manifest, pairs_of, picture, put, put_parquet

ROWS = [
    {"id": "a", "image": "x/1.png", "caption": 'Ann, "the first"\nat Ascot', "split": "train", "topic": "royals"},
    {"id": "b", "image": "2.png", "caption": "Kofi &amp; Ban", "split": "Validation", "topic": ""},
    {"id": "c", "image": "./x/1.png", "caption": "", "split": "test", "topic": "politics"},
]
PAIRS = [
    Pair("a", "train", "x/1.png", 'Ann, "the first" at Ascot', "royals"),
    Pair("b", "val", "2.png", "Kofi & Ban", None),
    Pair("c", "test", "x/1.png", "", "politics"),
]
Rows = list[dict[str, Any]]


def _csv(path: Path, rows: Rows, delimiter: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def _write(folder: Path, kind: str, rows: Rows) -> dict[str, Any]:
    """Write the rows; the manifest's dataset section."""
    for number, name in enumerate(sorted({str(row.get("image", "x.png")) for row in rows})):
        put(folder / name, picture(number))
    path = folder / f"pairs.{kind}"
    if kind == "csv":
        _csv(path, rows)
    elif kind == "tsv":
        _csv(path, rows, "\t")
        return {"kind": "tsv", "file": path.name, "quotes": True}
    elif kind == "jsonl":
        put(path, "".join(json.dumps(row) + "\n" for row in rows))
    else:
        put_parquet(path, {name: [row[name] for row in rows] for name in rows[0]})
        return {"kind": "parquet", "file": path.name, "root": "."}
    return {"kind": kind, "file": path.name}


KINDS = ("csv", "tsv", "jsonl", "parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_usual_columns_need_no_mapping(kind: str, tmp_path: Path) -> None:
    dataset = _write(tmp_path, kind, ROWS)
    pairs, notes = pairs_of(tmp_path, dataset)
    assert pairs == PAIRS
    assert notes[0] == f"read {kind}, {tmp_path}/pairs.{kind}; splits from a column"
    assert notes[1] == "captions cleaned: 2 of 3 (1 white space, 1 HTML entities)"
    root = own_manifest(tmp_path, dataset).image_root
    assert [image_problem(root, pair.image) for pair in pairs] == [None] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_other_columns_are_mapped(kind: str, tmp_path: Path) -> None:
    names = {"id": "no", "image": "bild", "caption": "id", "split": "teil", "topic": "thema"}
    dataset = _write(tmp_path, kind, ROWS)
    _write(tmp_path, kind, [{names[k]: v for k, v in row.items()} for row in ROWS])
    assert pairs_of(tmp_path, {**dataset, "columns": names})[0] == PAIRS
    with pytest.raises(PipelineError, match=r"pairs\.\w+.*no column (with images|'picture'); the columns are .*bild"):
        pairs_of(tmp_path, {**dataset, "columns": {**names, "image": "picture"}})
    with pytest.raises(PipelineError, match=r"(none of the records has the|no) column 'theme'; the columns are"):
        pairs_of(tmp_path, {**dataset, "columns": {**names, "topic": "theme"}})


@pytest.mark.parametrize("kind", KINDS)
def test_without_ids_and_splits_both_follow_from_the_record(kind: str, tmp_path: Path) -> None:
    rows = [{"image": f"{n // 3}.png", "caption": f"Caption {n}"} for n in range(120)]
    dataset = {**_write(tmp_path, kind, rows), "held_out": 20}
    pairs, notes = pairs_of(tmp_path, dataset)
    assert "20 in 100 images assigned to val and as many to test by a hash" in notes[0]
    assert len({pair.id for pair in pairs}) == 120
    splits = {image: {pair.split for pair in pairs if pair.image == image} for image in {p.image for p in pairs}}
    assert all(len(of_image) == 1 for of_image in splits.values())  # no image is in train and in test
    assert Counter(next(iter(one)) for one in splits.values()).keys() == {"train", "val", "test"}
    _write(tmp_path, kind, rows[:7] + rows[60:][::-1])
    assert set(pairs_of(tmp_path, dataset)[0]) == set(pairs[:7] + pairs[60:])  # neither order nor neighbours matter


def test_several_captions_an_image_and_several_images_a_caption(tmp_path: Path) -> None:
    put(
        tmp_path / "pairs.jsonl",
        '{"id": 1, "images": "a.png", "captions": ["A", "B"]}\n'
        '{"id": 2, "images": ["b.png", "c.png"], "captions": "C"}\n'
        '{"id": 3, "images": ["d.png"], "captions": ["D", "E"]}\n{"id": 4, "images": [], "captions": ["F"]}\n'
        '{"id": 1, "images": "z.png", "captions": ["G"]}',
    )
    pairs, notes = pairs_of(tmp_path, {"kind": "jsonl", "file": {"train": "pairs.jsonl"}})
    assert [(p.id, p.image, p.caption) for p in pairs] == [
        ("1_0", "a.png", "A"),
        ("1_1", "a.png", "B"),
        ("2_0", "b.png", "C"),
        ("2_1", "c.png", "C"),
        ("3_0_0", "d.png", "D"),
        ("3_0_1", "d.png", "E"),
        ("1_0", "z.png", "G"),
    ]
    assert notes[2:] == ["skipped: 1 without images"]


def test_ids_that_stand_for_images_are_made_anew_if_asked(tmp_path: Path) -> None:
    rows = [{"id": 7, "image": "a.png", "caption": caption} for caption in ("A", "B", "A")]
    dataset = _write(tmp_path, "csv", rows)
    assert [pair.id for pair in pairs_of(tmp_path, dataset)[0]] == ["7", "7", "7"]  # which no plan takes
    pairs, notes = pairs_of(tmp_path, {**dataset, "columns": {"id": None}})
    first, second, third = (pair.id for pair in pairs)
    assert len(first) == len(second) == 20
    assert first != second
    assert third == f"{first}#2"
    assert notes[-1] == "ids repeated within a split, numbered: 1"


def test_images_inside_parquet_become_files_once(tmp_path: Path) -> None:
    images = [picture(0), picture(1, "JPEG"), picture(0), None]
    captions = [["A", "B"], ["C"], ["D"], ["E"]]
    whole = [None if i is None else {"bytes": i, "path": f"/etc/{n}"} for n, i in enumerate(images)]
    put_parquet(tmp_path / "train.parquet", {"image": whole, "caption": captions}, {"image": HF_IMAGE})
    pairs, notes = pairs_of(tmp_path, {"kind": "parquet", "file": "*.parquet"})
    assert notes[0].endswith("splits by file or folder")
    assert [pair.caption for pair in pairs] == ["A", "B", "C", "D", "E"]
    assert {pair.split for pair in pairs} == {"train"}
    root = tmp_path / ".work" / "own-images"
    found = [(root / pair.image).read_bytes() for pair in pairs[:4]]
    assert found == [images[0], images[0], images[1], images[0]]
    assert sorted(path.suffix for path in root.rglob("*.*")) == [".jpg", ".png"]
    assert pairs[0].image == pairs[3].image
    assert image_problem(root, pairs[4].image) == "the record has no image path"
    put_parquet(tmp_path / "train.parquet", {"image": images[:2], "caption": ["A", "C"]})  # plain bytes
    plain, _ = pairs_of(tmp_path, {"kind": "parquet", "file": "train.parquet", "images": "elsewhere"})
    assert [p.image for p in plain] == [pairs[0].image, pairs[2].image]
    assert (tmp_path / "elsewhere" / plain[0].image).read_bytes() == images[0]


def test_one_dataset_of_many_files(tmp_path: Path) -> None:
    for name in ("train-0", "train-1", "dev-0"):
        put(tmp_path / "data" / f"{name}.csv.gz", gzip.compress(f"image,text\n{name}.png,Text of {name}\n".encode()))
    expected = [("train", "Text of train-0"), ("train", "Text of train-1"), ("val", "Text of dev-0")]
    by_name, _ = pairs_of(tmp_path, {"kind": "csv", "file": ["data/train-{0..1}.csv.gz", "data/dev-0.csv.gz"]})
    assert [(p.split, p.caption) for p in by_name] == expected
    files = {"train": "data/train-*.csv.gz", "validation": ["data/dev-0.csv.gz"]}
    by_mapping, _ = pairs_of(tmp_path, {"kind": "csv", "file": files, "root": "data"})
    assert by_mapping == by_name
    put(tmp_path / "data" / "more.csv", "image,text\n")
    with pytest.raises(PipelineError, match=r"some file names contain a split, but /more\.csv contains none"):
        pairs_of(tmp_path, {"kind": "csv", "file": "data/*.csv*"})
    for wrong, reason in (("data/*.txt", r"no data file at .*data/\*\.txt"), ("{1..9999999}", "more than 100,000")):
        with pytest.raises(PipelineError, match=reason):
            pairs_of(tmp_path, {"kind": "csv", "file": wrong})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"pairs\.csv is empty; the first line must contain the column names"),
        ("image,image\na,b\n", r"line 1: duplicate column names: 'image'"),
        ("image,caption,split\na,b,Not a split\n", r"line 2: 'Not a split' is not a valid split name"),
        (
            "image,caption,split\n" + "".join(f"a,b,s{n}\n" for n in range(40)),
            r"line 34: more than 32 diff",
        ),
        ('image,caption\na,"open\n' + ("x" * 999 + "\n") * 17_000, r"line 2: (this row has more|field larger)"),
        ("image,caption\n" + "x" * (2**24 + 9), r"line 2: the line is over 16,777,216 bytes long"),
        ("\ufeffpicture;words\na;b\n", r"line 1: one column, 'picture;words', .* set dataset\.delimiter"),
        ("no,head\na,b\n", r"line 2: no column with images; the columns are no, head; set dataset\.columns"),
    ],
)
def test_a_csv_that_is_none_says_so(text: str, reason: str, tmp_path: Path) -> None:
    put(tmp_path / "pairs.csv", text)
    with pytest.raises(PipelineError, match=reason):
        pairs_of(tmp_path, {"kind": "csv", "file": "pairs.csv"})


def test_a_csv_as_people_have_them(tmp_path: Path) -> None:
    put(tmp_path / "pairs.csv", b"\xef\xbb\xbfcaf\xe9;a.png\r\nToo;many;fields\r\n\r\nalone\r\n")
    dataset = {"kind": "csv", "file": "pairs.csv", "delimiter": ";", "header": ["caption", "image"]}
    pairs, notes = pairs_of(tmp_path, {**dataset, "held_out": 1})
    assert [(p.caption, p.image) for p in pairs] == [("caf\ufffd", "a.png"), ("alone", "")]
    assert "skipped: 1 rows with more fields than columns" in notes
    put(tmp_path / "pairs.tsv", 'caption\timage\n"Quote" opens\ta.png\n"Open\tb.png\n')
    pairs, _ = pairs_of(tmp_path, {"kind": "tsv", "file": "pairs.tsv"})
    assert [p.caption for p in pairs] == ['"Quote" opens', '"Open']


def test_a_parquet_that_is_none_says_so(tmp_path: Path) -> None:
    whole = put_parquet(tmp_path / "x.parquet", {"image": ["a"] * 9, "caption": ["b"] * 9}).read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[len(whole) // 2 :], b"PAR1" + bytes(99) + b"PAR1"):
        put(tmp_path / "x.parquet", content)
        with pytest.raises(PipelineError, match=r"x\.parquet cannot be read as Parquet after row 0"):
            pairs_of(tmp_path, {"kind": "parquet", "file": "x.parquet", "root": "."})
    put_parquet(tmp_path / "x.parquet", {"a": ["a"]})
    with pytest.raises(PipelineError, match=r"x\.parquet has no column with captions; the columns are a; set dataset"):
        pairs_of(tmp_path, {"kind": "parquet", "file": "x.parquet", "root": "."})
    put_parquet(tmp_path / "x.parquet", {"image": ["a"], "caption": ["b"]})
    with pytest.raises(PipelineError, match=r"row 1: the image is a path, 'a'; set dataset\.root to"):
        pairs_of(tmp_path, {"kind": "parquet", "file": "x.parquet"})


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"], exclude_characters="&"), max_size=20)


@settings(max_examples=40, deadline=None)
@given(captions=st.lists(_TEXT.map(lambda t: " ".join(t.split())), min_size=1, max_size=5))
def test_any_caption_comes_back_from_any_kind(captions: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows: Rows = [{"id": f"i{n}", "split": "train", "image": "a.png", "caption": c} for n, c in enumerate(captions)]
    for kind in KINDS:
        assert [pair.caption for pair in pairs_of(folder, _write(folder, kind, rows))[0]] == captions


@pytest.mark.parametrize("file", ["../test/data/train-*.csv", "../val/train-*.csv"])
def test_splits_of_files_do_not_depend_on_folders_above_and_may_be_ignored(file: str, tmp_path: Path) -> None:
    names = ("train-0", "train-1", "train-2", "train-3")
    for name in names:
        put(tmp_path / "test" / "data" / f"{name}.csv", f"image,caption\n{name}.png,Ann at Ascot\n")
    (tmp_path / "val").symlink_to(tmp_path / "test" / "data")
    dataset = {"kind": "csv", "file": file}
    (tmp_path / "manifests").mkdir()
    pairs, _ = pairs_of(tmp_path / "manifests", dataset)
    assert {pair.split for pair in pairs} == {"train"}
    pairs, _ = pairs_of(tmp_path / "manifests", {**dataset, "ignore_splits": True, "held_out": 40})
    assert [pair.split for pair in pairs] == [hash_split(f"{name}.png", 40) for name in names]


def test_the_line_that_excel_understands_is_no_header_even_if_the_delimiter_is_named(tmp_path: Path) -> None:
    put(tmp_path / "p.csv", "sep=;\nimage;caption\n1.png;A lion\n")
    for dataset in ({"kind": "csv"}, {"kind": "csv", "delimiter": ";"}, {"kind": "tsv", "delimiter": ";"}):
        assert [pair.caption for pair in pairs_of(tmp_path, {**dataset, "file": "p.csv"})[0]] == ["A lion"]


def test_other_ways_of_writing_csv_are_said(tmp_path: Path) -> None:
    put(tmp_path / "p.csv", "image,caption\r1.png,A lion\r2.png,Another\r")
    with pytest.raises(
        PipelineError, match=r"p\.csv, line 1: the lines end in carriage returns alone.*: tr '\\r' '\\n' <"
    ):
        pairs_of(tmp_path, {"kind": "csv", "file": "p.csv"})
    put(tmp_path / "p.csv", 'image,caption\n1.png,"Ann \\"the\\" Queen"\n2.png,"No ""marks"" here"\n')
    _, notes = pairs_of(tmp_path, {"kind": "csv", "file": "p.csv"})
    (note,) = [line for line in notes if line.startswith('lines with \\"')]
    assert note.endswith("p.csv, line 2)") and ": 1 " in note
