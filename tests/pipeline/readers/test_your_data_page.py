"""docs/your_data.md: each of its examples, run on data as it says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.fs as pa_fs
import pytest
import yaml

from pipeline.images.check import image_problem
from pipeline.images.remote import fetch_images
from pipeline.readers import read_pairs
from pipeline.readers.columns import USUAL
from tests.pipeline.readers.test_webdataset import tar
from tests.support.own_data import own_manifest, pairs_of, picture, put, put_parquet
from tests.support.s3 import s3_server, s3_url

PAGE = (Path(__file__).parents[3] / "docs" / "your_data.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [
    yaml.safe_load(text)["dataset"] for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
]


def _csv(folder: Path) -> None:
    put(folder / "data" / "a.png", picture(1))
    put(folder / "data" / "pairs.csv", "id,image,caption,split,topic\n1,a.png,Ann at Ascot,train,royals\n")


def _jsonl(folder: Path) -> None:
    put(folder / "images" / "a.png", picture(1))
    put(folder / "pairs.jsonl", '{"id": 1, "split": "train", "image": "a.png", "caption": "Ann at Ascot"}\n')


def _parquet(folder: Path) -> None:
    for split in ("train", "validation", "test"):
        file = folder / "parquet" / f"{split}-00000-of-00001.parquet"
        put_parquet(file, {"image": [picture(1)], "sentence": ["Ann at Ascot"]})


def _folder(folder: Path) -> None:
    for name in ("a", "b/c"):
        put(folder / "pictures" / f"{name}.png", picture(1))
        put(folder / "pictures" / f"{name}.txt", "Ann at Ascot\n")


def _webdataset(folder: Path) -> None:
    content = {
        "1.jpg": picture(1),
        "1.txt": b"Ann at Ascot",
        "2.jpg": picture(1),
        "2.json": b'{"caption": "Ann at Ascot"}',
    }
    for number in (0, 1):
        put(folder / "shards" / f"train-00{number}.tar", tar(content))


def _hugging_face(folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"image": [picture(1)], "text": ["Ann at Ascot"]})
    datasets.DatasetDict({"train": rows, "validation": rows}).save_to_disk(str(folder / "saved"))


MAKERS: dict[str, Callable[[Path], None]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "folder": _folder,
    "webdataset": _webdataset,
    "huggingface": _hugging_face,
}
LOCAL = [dataset for dataset in EXAMPLES if "://" not in str(dataset)]


@pytest.mark.parametrize("dataset", LOCAL, ids=lambda dataset: dataset["kind"])
def test_example(dataset: dict[str, Any], tmp_path: Path) -> None:
    MAKERS[dataset["kind"]](tmp_path)
    moved = {k: v.replace("/data/mine", str(tmp_path)) if isinstance(v, str) else v for k, v in dataset.items()}
    pairs, _ = pairs_of(tmp_path, moved)
    assert {pair.caption for pair in pairs} == {"Ann at Ascot"}
    root = own_manifest(tmp_path, moved).image_root
    assert [image_problem(root, pair.image) for pair in pairs] == [None] * len(pairs)


def test_example_at_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (dataset,) = (example for example in EXAMPLES if example not in LOCAL)
    put(tmp_path / "bucket" / "pairs.csv", "image,caption\na.png,Ann at Ascot\n")
    put(tmp_path / "bucket" / "images" / "a.png", picture(1))
    with s3_server(monkeypatch) as port:
        urls = {
            key: s3_url(port, value.removeprefix("s3://bucket/")) for key, value in dataset.items() if key != "kind"
        }
        filesystem, path = pa_fs.FileSystem.from_uri(s3_url(port, ""))
        pa_fs.copy_files(str(tmp_path / "bucket"), path, destination_filesystem=filesystem)
        manifest = own_manifest(tmp_path, {**dataset, **urls})
        (pair,) = read_pairs(manifest)
        fetch_images(manifest, [pair.image])
    assert image_problem(manifest.image_root, pair.image) is None


def test_every_kind_has_an_example_and_every_usual_name_is_there() -> None:
    assert {dataset["kind"] for dataset in LOCAL} == MAKERS.keys()
    for role, names in USUAL.items():
        (row,) = re.findall(rf"^\| `{role}` \| (.*) \|$", PAGE, re.M)
        assert set(re.findall(r"`(\w+)`", row)) - {"json"} == {name.removeprefix("json.") for name in names}
