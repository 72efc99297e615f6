"""The news releases as they may lie on disk: odd values, odd places, records that lack something."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.images.check import image_problem
from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.pair import Pair
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from tests.support.dataset import write_manifest
from tests.support.news import write_goodnews, write_goodnews_authors, write_n24news, write_visualnews

CASES = Path(__file__).parents[2] / "data" / "news"


def _manifest(folder: Path, kind: str, **more: Any) -> Manifest:
    dataset = {"kind": kind, "root": "release", **more}
    return load_manifest(write_manifest(folder, folder / "no-model-needed", dataset=dataset))


def _read(manifest: Manifest) -> tuple[list[Pair], str]:
    notes = ReaderNotes()
    pairs = list(read_pairs(manifest, notes))
    assert len({(pair.split, pair.id) for pair in pairs}) == len(pairs)
    return pairs, "\n".join(notes.lines())


def _save(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _n24news(folder: Path, *records: Any) -> tuple[list[Pair], str]:
    """The pairs of N24News' train split, which starts with a good record."""
    write_n24news(folder / "release", 1)
    path = folder / "release" / "news" / "nytimes_train.json"
    good = json.loads(path.read_text())
    _save(path, good + list(records))
    pairs, notes = _read(_manifest(folder, "n24news"))
    assert [pair.split for pair in pairs[-2:]] == ["val", "test"]
    return pairs[1:-2], notes


@pytest.mark.parametrize(
    ("case", "images", "said"),
    [
        ("gn_images_null", ["a1_0.jpg"], "1 articles without images"),
        ("gn_no_images", ["a1_0.jpg"], "2 articles without images"),
        ("gn_broken_paths", [], "skipped: 2 in broken_images.txt"),
        ("n24_nan_caption", ["1.jpg", "2.jpg", "3.jpg", "900.jpg", "901.jpg"], ""),
        ("n24_one_file", ["1.jpg"], "one-file release"),
        ("vn_no_image_path", ["bbc/images/0001/1.jpg", ""], ""),
        ("vn_dot_variants", ["bbc/images/0001/1.jpg"] * 5, ""),
    ],
)
def test_given_cases(case: str, images: list[str], said: str) -> None:
    manifest = load_manifest(CASES / case / "manifest.yaml")
    pairs, notes = _read(manifest)
    assert [pair.image for pair in pairs] == images and said in notes
    assert [image_problem(manifest.image_root, image) is None for image in images] == [image != "" for image in images]
    if case == "n24_nan_caption":
        assert [(pair.caption == "", pair.topic) for pair in pairs[1:3]] == [(True, "Art"), (False, None)]


NAN = float("nan")


@pytest.mark.parametrize(
    ("record", "pair"),
    [
        ({"image_id": 8.0, "caption": "A", "section": "Art"}, ("8", "8.jpg", "A", "Art")),
        ({"image_id": "8.0", "caption": 2020.0, "section": 7}, ("8", "8.jpg", "2020", "7")),
        ({"image_id": " 8\n", "caption": "nan", "section": "<NA>"}, ("8", "8.jpg", "", None)),
        ({"image_id": "8.JPG", "caption": None, "section": None}, ("8", "8.JPG", "", None)),
        ({"image_id": "./imgs\\8.png", "caption": "A", "section": ""}, ("8", "8.png", "A", None)),
        (
            {"image_id": "8", "caption": ["A", "B."], "section": ["Art", "World", None]},
            ("8", "8.jpg", "A B.", "Art, World"),
        ),
        ({"image_id": ["8"], "caption": {"en": "A"}, "section": {"x": 1}}, ("8", "8.jpg", "", None)),
        ({"image_id": "8", "caption": "<p>A <b>B</b></p>", "section": True}, ("8", "8.jpg", "A B", None)),
    ],
)
def test_values_as_tools_write_them(record: dict[str, Any], pair: tuple[str, str, str, str], tmp_path: Path) -> None:
    (found,), _ = _n24news(tmp_path, record)
    assert (found.id, found.image, found.caption, found.topic) == pair


def test_a_record_without_an_image_is_one_row_without_one(tmp_path: Path) -> None:
    records: list[Any] = [
        {"caption": "No id."},
        {"image_id": NAN, "caption": "No id."},
        {"image_id": ["1", "2"], "caption": "Two."},
        "no record",
        None,
    ]
    pairs, notes = _n24news(tmp_path, *records)
    assert [(pair.image, pair.caption) for pair in pairs] == [("", "No id."), ("", "No id."), ("", "Two.")]
    assert pairs[1].id == f"{pairs[0].id}#2"
    assert "records without an id, named by a hash: 3 (first: " in notes and "nytimes_train.json, record 1)" in notes
    assert "skipped: 1 records that are a str instead of an object (first: " in notes
    assert "image_id that is a list of several values, read as missing: 1" in notes


def test_a_file_of_another_dataset_is_an_error(tmp_path: Path) -> None:
    write_visualnews(tmp_path / "release", 2)
    _save(tmp_path / "release" / "data.json", [{"id": 1, "image": "a.jpg", "caption": "A"}] * 1500)
    with pytest.raises(PipelineError, match=r"none of the first 1,000 records has image_path; .* id, image, caption"):
        list(read_pairs(_manifest(tmp_path, "visualnews")))
    _save(tmp_path / "release" / "data.json", ["a", "b"])
    with pytest.raises(PipelineError, match=r"none of the first 2 records has caption, image_path; .* are none"):
        list(read_pairs(_manifest(tmp_path, "visualnews")))


def test_goodnews_articles_of_any_form(tmp_path: Path) -> None:
    images: list[Any] = [["A", "B"], {"0": {"x": 1}, "1": NAN}, "A", None, [], {"0": ["A", "<i>B</i>"]}]
    write_goodnews(tmp_path / "release", 1)
    articles: dict[str, Any] = {f"a{number}": {"images": one} for number, one in enumerate(images)}
    _save(tmp_path / "release" / "captioning_dataset.json", articles | {"a6": None, "a7": {}})
    splits = {f"resized/a{number}_{n}.jpg": ("train", "dev")[n] for number in range(6) for n in (0, 1)}
    _save(tmp_path / "release" / "img_splits.json", splits | {"a5_0": None})
    pairs, notes = _read(_manifest(tmp_path, "goodnews"))
    assert [(p.id, p.split, p.caption) for p in pairs] == [
        ("a0_0", "train", "A"),
        ("a0_1", "val", "B"),
        ("a1_0", "train", ""),
        ("a1_1", "val", ""),
    ]
    assert "skipped: 3 articles without images" in notes and "1 without a split in img_splits.json" in notes
    assert "articles whose images are neither an object nor a list (first: " in notes and "article a2)" in notes
    assert "7 in img_splits.json but without an article in captioning_dataset.json" in notes


@pytest.mark.parametrize("split", [["train"], {"a": 1}, True, "somewhere", 3])
def test_an_odd_split_is_an_error_that_names_the_image(split: Any, tmp_path: Path) -> None:
    write_goodnews(tmp_path / "release", 1)
    path = tmp_path / "release" / "img_splits.json"
    _save(path, json.loads(path.read_text()) | {"x_0": split})
    with pytest.raises(PipelineError) as raised:
        list(read_pairs(_manifest(tmp_path, "goodnews")))
    assert f"image 'x_0' has the split {split!r}; expected one of train, val, test" in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_broken_images_that_fit_nothing_are_said(encoding: str, tmp_path: Path) -> None:
    write_goodnews(tmp_path / "release")
    write_goodnews_authors(tmp_path / "release")
    (name,) = (tmp_path / "release" / "broken_images.txt").read_text().split()
    content = f'/data/resized/{name}\r\n\r\n"gone_1.jpg"\r\n'
    (tmp_path / "release" / "broken_images.txt").write_bytes(content.encode(encoding))
    _, notes = _read(_manifest(tmp_path, "goodnews"))
    assert "skipped: 1 in broken_images.txt" in notes
    assert "1 of 2 names in broken_images.txt fit no image of the dataset, such as 'gone_1.jpg'" in notes


def test_n24news_in_one_file_is_split_by_article(tmp_path: Path) -> None:
    write_n24news(tmp_path / "release", 1)
    shutil.rmtree(tmp_path / "release" / "news")
    (tmp_path / "release" / "imgs").rename(tmp_path / "release" / "images")
    records = [{"image_id": str(n), "caption": "A", "article_url": f"u{n // 2}"} for n in range(400)]
    _save(tmp_path / "release" / "nytimes_dataset.json", records)
    manifest = _manifest(tmp_path, "n24news")
    pairs, notes = _read(manifest)
    splits = [pair.split for pair in pairs]
    assert splits[::2] == splits[1::2] and 20 < splits.count("val") < 60 and 20 < splits.count("test") < 60
    assert "1 article in 10 as val and 1 as test by a hash" in notes and manifest.image_root.name == "images"


def test_visualnews_below_origin_and_with_paths_of_another_machine(tmp_path: Path) -> None:
    write_visualnews(tmp_path / "release" / "origin", 4)
    path = tmp_path / "release" / "origin" / "data.json"
    records = json.loads(path.read_text())
    for record, before in zip(records, ("./", "/home/x/VisualNews/origin/", "origin\\", "../origin/"), strict=True):
        record["image_path"] = before + record["image_path"].removeprefix("./")
    _save(path, records)
    expected = [f"{record['source']}/images/0000/00{record['id']}.jpg" for record in records]
    for root in ("release", "release/origin"):
        manifest = _manifest(tmp_path, "visualnews", root=root)
        pairs, _ = _read(manifest)
        assert [pair.image for pair in pairs] == expected
        assert all(image_problem(manifest.image_root, pair.image) is None for pair in pairs)
    pairs, _ = _read(_manifest(tmp_path, "visualnews", images="release"))
    assert [pair.image for pair in pairs] == [*expected[:2], f"origin/{expected[2]}", expected[3]]


def test_a_path_out_of_the_root_stays_one(tmp_path: Path) -> None:
    write_visualnews(tmp_path / "release", 1)
    records = [{"id": n, "caption": "A", "image_path": path} for n, path in enumerate(("../x.jpg", "bbc/../../x.jpg"))]
    _save(tmp_path / "release" / "data.json", records)
    manifest = _manifest(tmp_path, "visualnews")
    problems = [image_problem(manifest.image_root, pair.image) or "" for pair in _read(manifest)[0]]
    assert all("outside the image root" in problem for problem in problems)


@pytest.mark.parametrize(("given", "place"), [("release/imgs", ""), (".", "release")])
def test_a_folder_too_high_or_too_low_is_told_the_right_one(given: str, place: str, tmp_path: Path) -> None:
    write_n24news(tmp_path / "release", 1)
    with pytest.raises(PipelineError, match=rf"set dataset\.root in the manifest to .*{place}, where they are$"):
        read_pairs(_manifest(tmp_path, "n24news", root=given))
