"""Data of every kind tells its columns, image root and splits."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.guessing.guess import Guess, guess_dataset
from pipeline.guessing.locate import locate
from pipeline.readers.splits import hash_split
from tests.pipeline.readers.test_webdataset import tar
from tests.support.own_data import HF_IMAGE, pairs_of, picture, put, put_parquet


def _pictures(folder: Path, count: int = 40) -> None:
    for number in range(count):
        put(folder / f"{number}.png", picture(number))


def _jsonl(path: Path, records: list[dict[str, Any]]) -> Path:
    return put(path, "".join(json.dumps(record) + "\n" for record in records))


def _guess(*data: Path | str) -> Guess:
    return guess_dataset(locate([str(one) for one in data]))


def _records(count: int = 40, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"image": f"{number}.png", "caption": f"Ann {number} at Ascot"}
        | {name: value(number) for name, value in fields.items()}
        for number in range(count)
    ]


def test_names_that_say_nothing_and_images_beside_the_data(tmp_path: Path) -> None:
    _pictures(tmp_path / "pictures")
    lines = [f"x{number},{number}.png,ok,Ann {number} at Ascot" for number in range(40)]
    guess = _guess(put(tmp_path / "tables" / "a.csv", "\n".join(["k,foo,state,bar", *lines])))
    root = str(tmp_path / "pictures")
    assert guess.dataset["columns"] == {"image": "foo", "caption": "bar"} and guess.dataset["root"] == root
    assert 'image: column "foo" (its values are images)' in guess.reasons
    assert f"images: {root} (40 of 40 checked paths are files in it)" in guess.reasons
    assert 'caption: column "bar" (the longest texts, 15 characters on average)' in guess.reasons


def test_a_usual_name_whose_values_are_no_files_gives_way(tmp_path: Path) -> None:
    _pictures(tmp_path)
    file = _jsonl(tmp_path / "a.jsonl", _records(image=lambda n: f"number {n}", Where=lambda n: f"{n}.png"))
    assert _guess(file).dataset["columns"] == {"image": "Where"}


def test_absolute_paths_names_in_other_case_and_ids_that_occur_again(tmp_path: Path) -> None:
    _pictures(tmp_path / "deep" / "er")
    lines = [f"{tmp_path}/deep/er/{number}.png\tAnn {number} at Ascot\t{number // 2}" for number in range(40)]
    file = put(tmp_path / "elsewhere" / "a.tsv", "\n".join(["Image\tCAPTION\tid", *lines]))
    dataset = _guess(file).dataset
    assert dataset["columns"] == {"image": "Image", "caption": "CAPTION", "id": None}
    assert dataset["root"] == str(tmp_path / "deep" / "er") and dataset["kind"] == "tsv"


def test_embedded_images_and_a_single_split_in_the_files_names(tmp_path: Path) -> None:
    columns = {"picture": [{"bytes": picture(n), "path": "a.png"} for n in range(40)], "words": ["Ann at Ascot"] * 40}
    for part in (0, 1):
        put_parquet(tmp_path / f"train-{part}.parquet", columns, {"picture": HF_IMAGE})
    guess = _guess(tmp_path)
    assert guess.dataset["file"] == str(tmp_path / "*.parquet") and guess.dataset["ignore_splits"]
    assert "root" not in guess.dataset and set(guess.rows) == {"train", "val", "test"}
    pairs, _ = pairs_of(tmp_path, guess.dataset)
    assert Counter(pair.split for pair in pairs) == guess.rows  # the same pictures twice: both where their hash says


def test_splits_that_are_there_are_used(tmp_path: Path) -> None:
    _pictures(tmp_path)
    by_value = _jsonl(tmp_path / "a.jsonl", _records(part=lambda n: ("train", "dev", "test")[n % 3]))
    guess = _guess(by_value)
    assert guess.dataset["columns"] == {"split": "part"} and guess.rows == {"train": 14, "val": 13, "test": 13}
    numbers = _guess(_jsonl(tmp_path / "b.jsonl", _records(split=lambda n: n % 3)))
    assert numbers.dataset["ignore_splits"] and "'0' is not a valid split name" in " ".join(numbers.reasons)
    for split in ("train", "val"):
        _jsonl(tmp_path / "c" / f"{split}.jsonl", _records())
    _pictures(tmp_path / "c")
    two = _guess(tmp_path / "c")
    assert two.rows == {"train": 40, "val": 40} and "ignore_splits" not in two.dataset


def test_a_tar_and_a_folder(tmp_path: Path) -> None:
    content = {f"{n}.{part}": body for n in range(40) for part, body in (("png", picture(n)), ("txt", b"Ann at Ascot"))}
    guess = _guess(put(tmp_path / "tars" / "000.tar", tar(content)))
    assert guess.dataset.keys() == {"kind", "file", "held_out"} and guess.is_exact
    _pictures(tmp_path / "folder")
    for number in range(30):
        put(tmp_path / "folder" / f"{number}.caption", "Ann at Ascot\n")
    guess = _guess(tmp_path / "folder")
    assert guess.dataset["sidecar"] == ".caption" and sum(guess.rows.values()) == 30
    assert "skipped: 10 images without a .caption file" in guess.reasons


@pytest.mark.parametrize("count", [12, 40, 333, 1_000])
def test_enough_is_held_out_of_few_images(tmp_path: Path, count: int) -> None:
    put(tmp_path / "0.png", picture(0))
    file = _jsonl(tmp_path / "a.jsonl", [{"image": "0.png", "caption": "Ann at Ascot"} for n in range(3)])
    with pytest.raises(PipelineError, match="1 images are too few"):
        _guess(file)
    for number in range(count):
        (tmp_path / f"{number}.png").touch()
    guess = _guess(_jsonl(file, _records(count)))
    drawn = Counter(hash_split(f"{number}.png", guess.dataset["held_out"]) for number in range(count))
    assert drawn == guess.rows and min(drawn["val"], drawn["test"]) >= min(25, count // 20, drawn["train"])


def test_of_many_rows_the_first_are_read_and_the_others_estimated(tmp_path: Path) -> None:
    _pictures(tmp_path, 1)
    (tmp_path / "images").mkdir()
    for number in range(300):
        (tmp_path / "images" / f"{number}.png").touch()
    records = [{"image": f"{n % 300}.png", "caption": f"Ann {n} at Ascot"} for n in range(20_000)]
    guess = _guess(_jsonl(tmp_path / "a.jsonl", records))
    assert not guess.is_exact and 15_000 < sum(guess.rows.values()) < 30_000


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([{"image": "https://x/a.png", "caption": "Ann at Ascot"}], "are URLs; download the images"),
        ([{"image": "0", "caption": "Ann at Ascot"}], r"lack the ending .png of .*0\.png"),
        ([{"image": "lost.png", "caption": "Ann at Ascot"}], r"'lost\.png', are not files in .*next to it; move"),
        ([{"image": "../0.png", "caption": "Ann at Ascot"}], "are not files in"),
        ([{"a": "b c d"}], "no column contains images or image paths; the columns are 'a'"),
        ([{"image": "0.png", "n": 1}], "no column contains captions .*the columns are 'image', 'n'"),
        ([], "contains no records"),
    ],
)
def test_what_cannot_be_found_is_said(tmp_path: Path, records: list[dict[str, Any]], words: str) -> None:
    _pictures(tmp_path, 1)
    with pytest.raises(PipelineError, match=words):
        _guess(_jsonl(tmp_path / "a.jsonl", records))


def test_what_is_no_data_is_said(tmp_path: Path) -> None:
    for data, words in {
        tmp_path / "none.csv": "no data at",
        tmp_path: "no images with .*and no table; init reads CSV",
        put(tmp_path / "a.xlsx", "x"): "save the sheet as CSV in UTF-8",
        put(tmp_path / "a.docx", "x"): "extension is not recognised",
        put(tmp_path / "a.json", '{\n"images": []}'): r"one object in each line.*jq -c \. .*a\.json > a-lines\.jsonl",
    }.items():
        with pytest.raises(PipelineError, match=words):
            _guess(data)
    _pictures(tmp_path / "only")
    with pytest.raises(PipelineError, match=r"40 images, but no text files with the same names \(such as 0.txt\)"):
        _guess(tmp_path / "only")
    for name in ("captions", "people"):
        put(tmp_path / "several" / f"{name}.csv", "a,b\n")
    with pytest.raises(PipelineError, match=r"several tables .*; give the one with the captions"):
        _guess(tmp_path / "several")
    with pytest.raises(PipelineError, match="init reads only local data"):
        _guess("s3://bucket/a.csv")
