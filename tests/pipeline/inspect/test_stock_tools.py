"""Other people's tools open the shards as they are, and show the pictures where they can."""

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.inspect.export_rows import export_rows
from pipeline.inspect.rows import Rows
from pipeline.inspect.summary import summarise
from pipeline.job import open_job
from pipeline.shards.shard import Row
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, generate
from tests.support.scripted_engine import ScriptedEngine

DOCUMENT = Path(__file__).parents[3] / "docs" / "inspect.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> tuple[Path, Path, dict[str, Row]]:
    """Explanations as they are generated, plan and receipts beside them; their image root; their rows."""
    folder = tmp_path_factory.mktemp("data")
    write_pairs(folder, 12)
    (folder / "images" / "5.png").unlink()
    job = open_job(write_manifest(folder, tiny_llama))
    generate(job, ScriptedEngine())
    return Path(job.output), folder / "images", all_rows(job.output)


def _are(found: list[dict[str, Any]], rows: dict[str, Row]) -> None:
    assert {row["id"]: (row["split"], row["caption"], row["status"], row["image"]["path"]) for row in found} == {
        row.id: (row.split, row.caption, row.status, row.image) for row in rows.values()
    }


def test_pyarrow(made: tuple[Path, Path, dict[str, Row]]) -> None:
    output, _, rows = made
    _are(pq.read_table(output).to_pylist(), rows)
    shards = pa_dataset.dataset([str(path) for path in output.glob("split=*/*.parquet")])
    _are(shards.to_table().to_pylist(), rows)


def test_pandas(made: tuple[Path, Path, dict[str, Row]]) -> None:
    output, root, rows = made
    frame = pandas.read_parquet(output)
    _are(frame.to_dict("records"), rows)
    row = frame[frame["status"] == "ok"].iloc[0]
    assert Image.open(root / row["image"]["path"]).size == (8, 8)


def test_polars(made: tuple[Path, Path, dict[str, Row]]) -> None:
    output, _, rows = made
    _are(polars.read_parquet(output / "split=*" / "*.parquet").to_dicts(), rows)
    counts = polars.scan_parquet(output / "split=*" / "*.parquet").group_by("status").len().collect()
    assert dict(counts.iter_rows())["bad_image"] == 1


def test_duckdb(made: tuple[Path, Path, dict[str, Row]]) -> None:
    output, _, rows = made
    found = duckdb.sql(f"SELECT * FROM '{output}/split=*/*.parquet'").to_arrow_table()
    _are(found.to_pylist(), rows)
    paths = duckdb.sql(f"SELECT image.path FROM '{output}/split=*/*.parquet' WHERE status = 'bad_image'").fetchall()
    assert paths == [("5.png",)]


def _load(tmp_path: Path, **files: str) -> Any:
    import datasets

    return datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))


def test_datasets_decodes_pictures_by_their_paths(
    made: tuple[Path, Path, dict[str, Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    output, root, rows = made
    import datasets

    found = _load(tmp_path, train=f"{output}/split=train/*.parquet", test=f"{output}/split=test/*.parquet")
    assert isinstance(found["train"].features["image"], datasets.Image)
    paths = found.cast_column("image", datasets.Image(decode=False))
    _are([*paths["train"], *paths["test"]], rows)

    usable = found["train"].filter(lambda status: status == "ok", input_columns="status")
    monkeypatch.chdir(root)  # a relative path begins at the working directory
    for row in usable:
        assert row["image"].getpixel((0, 0)) == Image.open(root / rows[row["id"]].image).getpixel((0, 0))
    monkeypatch.chdir(tmp_path)
    below_root = usable.cast_column("image", datasets.Image(decode=False)).map(
        lambda row: {"image": {"bytes": None, "path": str(root / row["image"]["path"])}}
    )
    for row in below_root.cast_column("image", datasets.Image()):
        assert row["image"].getpixel((0, 0)) == Image.open(root / rows[row["id"]].image).getpixel((0, 0))


def test_datasets_and_so_the_hub_finds_the_splits_of_a_folder_with_a_card(
    made: tuple[Path, Path, dict[str, Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    output, _, rows = made
    folder = tmp_path / "copy"
    shutil.copytree(output, folder)
    [card] = re.findall(r"```yaml\n(---\n.*?---\n)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    card = "".join(line for line in card.splitlines(keepends=True) if "validation" not in line)  # there is none here
    (folder / "README.md").write_text(card, encoding="utf-8")
    import datasets

    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    for split, part in found.items():
        assert isinstance(part.features["image"], datasets.Image)
        assert sorted(part["id"]) == sorted(row.id for row in rows.values() if row.split == split)


def test_an_export_with_pictures_shows_them_anywhere(
    made: tuple[Path, Path, dict[str, Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    output, root, rows = made
    summary = summarise(output)
    assert summary is not None
    path = tmp_path / "rows.parquet"
    with Rows(summary) as reader:
        assert export_rows(reader, reader.pick(), path, "parquet", pictures=True) == 12
    files = {row["id"]: row["image"]["bytes"] for row in pq.read_table(path).to_pylist()}
    for row in rows.values():
        file = root / row.image
        assert files[row.id] == (file.read_bytes() if file.exists() else None)

    import datasets

    found = _load(tmp_path, rows=str(path))["rows"]
    assert isinstance(found.features["image"], datasets.Image)
    shown = found.filter(lambda status: status == "ok", input_columns="status")
    assert len(shown) == 11
    for row in shown:
        assert row["image"].tobytes() == Image.open(root / rows[row["id"]].image).tobytes()
    for frame in (pandas.read_parquet(path).to_dict("records"), polars.read_parquet(path).to_dicts()):
        row = next(row for row in frame if row["status"] == "ok")
        assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (8, 8)
    found = duckdb.sql(f"SELECT image.bytes FROM '{path}' WHERE id = 'p0'").fetchall()
    assert found == [((root / "0.png").read_bytes(),)]
    features = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
