"""The published datasets in their true layouts."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.images.check import image_problem
from pipeline.job import open_job
from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.pair import Pair
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import PairMaker
from pipeline.readers.splits import hash_split
from tests.support.dataset import write_manifest
from tests.support.generation import all_rows, generate
from tests.support.news import (
    caption_of,
    visualnews_record,
    write_goodnews,
    write_goodnews_authors,
    write_n24news,
    write_visualnews,
)
from tests.support.scripted_engine import ScriptedEngine


def _manifest(folder: Path, kind: str, **more: Any) -> Manifest:
    dataset = {"kind": kind, "root": "release", **more}
    return load_manifest(write_manifest(folder, folder / "no-model-needed", dataset=dataset))


def _read(manifest: Manifest) -> tuple[list[Pair], list[str]]:
    notes = ReaderNotes()
    pairs = list(read_pairs(manifest, notes))
    assert [image_problem(manifest.image_root, pair.image) for pair in pairs] == [None] * len(pairs)
    assert len({(pair.split, pair.id) for pair in pairs}) == len(pairs)
    return pairs, notes.lines()


def test_n24news(tmp_path: Path) -> None:
    write_n24news(tmp_path / "release")
    pairs, notes = _read(_manifest(tmp_path, "n24news"))
    assert Counter(pair.split for pair in pairs) == {"train": 4, "val": 4, "test": 4}
    assert pairs[5] == Pair("100000000005", "val", "100000000005.jpg", caption_of(5), "World")
    assert pairs[4].caption == caption_of(4) + " AT&T \u2019s"
    assert notes[1:] == ["captions cleaned: 3 of 12 (3 HTML entities)"]


def test_n24news_images_elsewhere_and_an_id_that_comes_twice(tmp_path: Path) -> None:
    write_n24news(tmp_path / "release")
    (tmp_path / "release" / "imgs").rename(tmp_path / "pictures")
    path = tmp_path / "release" / "news" / "nytimes_test.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps([*records, records[0], {**records[0], "caption": None}]))
    with pytest.raises(PipelineError, match=r"no image root at .*release/imgs; set dataset\.images"):
        read_pairs(_manifest(tmp_path, "n24news"))
    pairs, notes = _read(_manifest(tmp_path, "n24news", images="pictures"))
    assert [pair.id for pair in pairs[-2:]] == ["100000000008#2", "100000000008#3"]
    assert (pairs[-2].image, pairs[-1].caption) == ("100000000008.jpg", "")
    assert notes[-1] == "ids repeated within a split, numbered: 2"


def test_a_numbered_id_is_never_one_that_the_dataset_has() -> None:
    maker = PairMaker(notes := ReaderNotes())
    ids = [maker.pair(given, "train", "a.jpg", "A").id for given in ("a", "a#2", "a", "b", "b", "b#2")]
    assert ids == ["a", "a#2", "a#3", "b", "b#2", "b#2#2"]
    assert notes.renamed == 3


def test_visualnews_release_is_split_by_article(tmp_path: Path) -> None:
    write_visualnews(tmp_path / "release")
    pairs, notes = _read(_manifest(tmp_path, "visualnews"))
    assert pairs[1] == Pair(
        "1", hash_split("./guardian/articles/0.txt"), "guardian/images/0000/001.jpg", caption_of(1), "sports_leisure"
    )
    assert pairs[0].split == pairs[1].split == pairs[2].split or len({p.split for p in pairs[:3]}) > 1
    assert notes[0].endswith("1 article in 100 as val and 1 as test by a hash")
    assert notes[1] == "captions cleaned: 3 of 12 (3 white space)"


def test_images_of_an_article_are_in_one_split(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    content = [visualnews_record(number) for number in range(900)]
    (tmp_path / "release" / "data.json").write_text(json.dumps(content), encoding="utf-8")
    splits: dict[int, set[str]] = {}
    for pair in read_pairs(_manifest(tmp_path, "visualnews")):
        splits.setdefault(int(pair.id) // 3, set()).add(pair.split)
    assert all(len(of_article) == 1 for of_article in splits.values())
    assert set().union(*splits.values()) == {"train", "val", "test"}


def test_the_hash_split_is_stable_and_near_its_shares() -> None:
    assert [hash_split(f"./bbc/articles/{n}.txt") for n in (0, 123, 222)] == ["train", "train", "train"]
    shares = Counter(hash_split(f"./guardian/articles/{n}.txt") for n in range(100_000))
    assert shares["val"] == pytest.approx(1000, abs=130)
    assert shares["test"] == pytest.approx(1000, abs=130)


def test_visualnews_authors_splits_go_first(tmp_path: Path) -> None:
    write_visualnews(tmp_path / "release")
    write_visualnews(tmp_path / "release", split=True)
    pairs, notes = _read(_manifest(tmp_path, "visualnews"))
    assert [pair.split for pair in pairs] == ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    assert "the authors' splits" in notes[0]


def test_goodnews_release_and_the_authors_form_give_the_same_pairs(tmp_path: Path) -> None:
    write_goodnews(tmp_path / "release")
    manifest = _manifest(tmp_path, "goodnews")
    released, notes = _read(manifest)
    first = "4fd200000000000000000000_0"
    assert released[0] == Pair(first, "train", f"{first}.jpg", caption_of(0))
    assert Counter(pair.split for pair in released) == {"train": 4, "val": 4, "test": 3}
    assert notes[1:] == [
        "captions cleaned: 6 of 11 (6 carriage returns)",
        "skipped: 1 without a split in img_splits.json",
    ]
    write_goodnews_authors(tmp_path / "release")
    derived, notes = _read(manifest)
    broken = "4fd200000000000000000003_1"
    assert sorted(derived, key=lambda p: p.id) == [p for p in sorted(released, key=lambda p: p.id) if p.id != broken]
    assert "the authors' form" in notes[0]
    assert notes[2:] == ["skipped: 1 in broken_images.txt"]


def test_generation_says_what_was_cleaned(tmp_path: Path, tiny_llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_goodnews(tmp_path / "release")
    dataset = {"kind": "goodnews", "root": "release"}
    job = open_job(write_manifest(tmp_path, tiny_llama, dataset=dataset))
    generate(job, ScriptedEngine())
    assert "captions cleaned: 6 of 11 (6 carriage returns)" in capsys.readouterr().err
    rows = all_rows(job.output)
    assert rows["4fd200000000000000000000_0"].caption == caption_of(0)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("n24news", ["news/nytimes_train.json", "news/nytimes_dev.json", "release/nytimes_test.json"]),
        ("visualnews", ["release/train.json", "release/val.json", "release/test.json", "release/data.json"]),
        ("goodnews", ["new_goodnews_capim_val.json", "captioning_dataset.json", "img_splits.json"]),
    ],
)
def test_what_was_looked_for_is_named(kind: str, names: list[str], tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"looked for[\s\S]*set dataset\.root in the manifest") as raised:
        read_pairs(_manifest(tmp_path, kind))
    assert all(name in str(raised.value) for name in names)


def test_half_a_layout_is_no_layout(tmp_path: Path) -> None:
    write_visualnews(tmp_path / "release", split=True)
    (tmp_path / "release" / "val.json").unlink()
    with pytest.raises(PipelineError, match=r"authors' splits in .* is incomplete; missing: .*val\.json$"):
        read_pairs(_manifest(tmp_path, "visualnews"))


def test_broken_bytes_and_half_characters_do_not_stop_a_release(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    text = json.dumps([{**visualnews_record(0), "caption": "caf\xe9 \ud83d", "topic": "\udc00"}], ensure_ascii=False)
    raw = text.encode("utf-8", "surrogatepass").replace("caf\xe9".encode(), b"caf\xe9")
    (tmp_path / "release" / "data.json").write_bytes(raw)
    notes = ReaderNotes()
    (pair,) = read_pairs(_manifest(tmp_path, "visualnews"), notes)
    assert pair.caption.startswith("caf\ufffd \ufffd")
    assert notes.changed == {"characters that are not UTF-8": 1}
    assert pair.topic is not None and pair.topic.encode("utf-8")
