"""Hugging Face datasets as `datasets` itself writes and reads them."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from tests.support.own_data import HF_IMAGE, own_manifest, pairs_of, picture, put, put_parquet


@pytest.fixture(scope="module")
def datasets() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_OFFLINE", "1")
        return pytest.importorskip("datasets")


def _table(datasets: Any, count: int) -> Any:
    images = [{"bytes": picture(n % 3), "path": f"{n}.png"} for n in range(count)]
    captions = [[f"Caption {n}", f"Again {n}"] for n in range(count)]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "captions": datasets.List(datasets.Value("string")),
            "topic": datasets.ClassLabel(names=["news", "sport"]),
        }
    )
    return datasets.Dataset.from_dict(
        {"image": images, "captions": captions, "topic": [n % 2 for n in range(count)]}, features
    )


def test_saved_to_disk_with_splits(datasets: Any, tmp_path: Path) -> None:
    splits = datasets.DatasetDict({"train": _table(datasets, 3).shuffle(seed=1), "validation": _table(datasets, 1)})
    splits.save_to_disk(str(tmp_path / "saved"))
    dataset = {"kind": "huggingface", "path": "saved"}
    pairs, _ = pairs_of(tmp_path, dataset)
    assert [(p.split, p.topic) for p in pairs] == [("train", splits["train"].features["topic"].int2str(n)) for n in
        splits["train"]["topic"] for _ in range(2)] + [("val", "news")] * 2  # fmt: skip
    assert sorted(p.caption for p in pairs if p.split == "train") == sorted(
        f"{word} {n}" for n in range(3) for word in ("Caption", "Again")
    )
    root = own_manifest(tmp_path, dataset).image_root
    number = int(pairs[0].caption.split()[1])
    assert (root / pairs[0].image).read_bytes() == picture(number % 3)
    only, _ = pairs_of(tmp_path, {**dataset, "splits": ["validation"]})
    assert [p.split for p in only] == ["val", "val"]
    with pytest.raises(PipelineError, match=r"saved has no split test; its splits are train, validation"):
        pairs_of(tmp_path, {**dataset, "splits": ["test"]})
    with pytest.raises(PipelineError, match=r"the records has the column 'label'"):
        pairs_of(tmp_path, {**dataset, "columns": {"topic": "label"}})


def test_saved_to_disk_without_splits(datasets: Any, tmp_path: Path) -> None:
    _table(datasets, 150).save_to_disk(str(tmp_path / "saved"))
    pairs, notes = pairs_of(tmp_path, {"kind": "huggingface", "path": "saved", "held_out": 30})
    assert len(pairs) == 300
    assert len({p.image for p in pairs}) == 3
    assert len({(p.image, p.split) for p in pairs}) == 3
    assert "30 in 100 images assigned to val" in notes[0]


def test_folders_that_load_dataset_reads(datasets: Any, tmp_path: Path) -> None:
    for split in ("train", "test"):
        columns = {"image": [{"bytes": picture(1), "path": None}], "text": [f"In {split}"]}
        put_parquet(tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet", columns, {"image": HF_IMAGE})
    pairs, _ = pairs_of(tmp_path, {"kind": "huggingface", "path": "hub"})
    assert sorted((p.split, p.caption) for p in pairs) == [("test", "In test"), ("train", "In train")]
    put(tmp_path / "folder" / "train" / "a.png", picture(1))
    put(tmp_path / "folder" / "train" / "metadata.csv", "file_name,text\na.png,Ann\n")
    dataset = {"kind": "huggingface", "path": "folder"}
    (pair,), _ = pairs_of(tmp_path, dataset)
    assert (pair.split, pair.caption) == ("train", "Ann")
    assert (own_manifest(tmp_path, dataset).image_root / pair.image).read_bytes() == picture(1)


def _without_bytes(path: Path, paths: list[str]) -> None:
    """Rewrite an Arrow file as somebody hostile would: images are named, not held."""
    import pyarrow as pa

    table = pa.ipc.open_stream(path.read_bytes()).read_all()
    images = [{"bytes": None, "path": path} for path in paths]
    changed = table.set_column(0, table.schema.field("image"), pa.array(images, HF_IMAGE))
    with pa.ipc.new_stream(path, changed.schema) as writer:
        writer.write_table(changed)


def test_paths_out_of_the_folder_are_not_followed(
    datasets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "secret.png", picture(1))
    paths = [str(tmp_path / "secret.png"), "../secret.png", "none.png"]
    rows = {"image": [{"bytes": None, "path": p} for p in paths]}
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    monkeypatch.chdir(put(tmp_path / "here" / "none.png", picture(1)).parent)  # `datasets` wants to see them
    datasets.Dataset.from_dict({**rows, "text": ["A", "B", "C"]}, features).save_to_disk(str(tmp_path / "saved"))
    for path in (tmp_path / "saved").glob("*.arrow"):  # which it has put inside: take them out again
        _without_bytes(path, paths)
    pairs, notes = pairs_of(tmp_path, {"kind": "huggingface", "path": "saved"})
    assert [p.image for p in pairs] == ["", "", ""]
    assert notes[-1] == "image paths that lead out of the dataset folder, not followed: 2"


def test_what_is_missing_is_named(datasets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, reason in (("no/such/folder", "no folder at"), ("user/name", r"set dataset\.revision to a commit")):
        with pytest.raises(PipelineError, match=reason):
            pairs_of(tmp_path, {"kind": "huggingface", "path": path})
    put(tmp_path / "saved" / "dataset_info.json", "{")
    with pytest.raises(PipelineError, match=r"saved cannot be loaded"):
        pairs_of(tmp_path, {"kind": "huggingface", "path": "saved"})
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(PipelineError, match=r"requires the package datasets: pip install .*entityclip\[hf\]"):
        pairs_of(tmp_path, {"kind": "huggingface", "path": "saved"})
