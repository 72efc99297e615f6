"""Packed shards: the same rows with their images inside, whoever interrupts the packing."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from entityclip.contract.image_rules import BadImage
from pipeline.errors import PipelineError
from pipeline.files.storage import open_storage
from pipeline.images.resize import packed_image
from pipeline.job import open_job
from pipeline.packing.pack import ROW_GROUP, PackSettings, pack
from pipeline.shards.receipts import read_receipt
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.generation import generate
from tests.support.s3 import s3_server, s3_url
from tests.support.scripted_engine import ScriptedEngine

SETTINGS = PackSettings(size=32, quality=90, max_bad_images=0.1)


def photograph(number: int, width: int, height: int) -> Image.Image:
    """Smooth enough for JPEG to keep it."""
    y, x = np.mgrid[0:height, 0:width] / 40.0
    waves = [np.sin(x * (1 + number % 3)) + np.cos(y) + 0.2 * np.sin(x + c) for c in range(3)]
    return Image.fromarray((np.stack(waves, -1) * 50 + 128).astype(np.uint8))


@pytest.fixture
def explanations(tmp_path: Path, tiny_llama: Path) -> Path:
    """30 rows in 2 buckets and 2 splits: large JPEGs, p1 small, p3 without a caption, p6 gone before generation."""
    records = write_pairs(tmp_path, 30)
    for number, record in enumerate(records):
        record["image"] = f"{number}.jpg"
        photograph(number, 160 + number, 120).save(tmp_path / "images" / f"{number}.jpg", quality=92)
    photograph(1, 20, 30).save(tmp_path / "images" / "1.jpg")
    records[3]["caption"] = ""
    save_records(tmp_path, records)
    (tmp_path / "images" / "6.jpg").unlink()
    job = open_job(write_manifest(tmp_path, tiny_llama))
    generate(job, ScriptedEngine())
    return Path(job.output)


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in folder.glob("split=*/*.parquet"):
        found |= {row["id"]: row for row in pq.ParquetFile(path).read().to_pylist()}
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("split=*/*.parquet")}


def test_packed_rows_are_the_same_with_their_images_inside(explanations: Path, tmp_path: Path) -> None:
    (tmp_path / "images" / "9.jpg").write_bytes(b"no picture")
    summary = pack(explanations, tmp_path / "packed", SETTINGS)
    before, after = rows_of(explanations), rows_of(tmp_path / "packed")
    assert set(summary.left_out) == {"p6", "p9"} == before.keys() - after.keys() and summary.rows == len(after) == 28
    for row_id, row in after.items():
        data = row["image"].pop("bytes")
        assert before[row_id]["image"].pop("bytes") is None and row == before[row_id]
        with Image.open(io.BytesIO(data)) as image, Image.open(tmp_path / "images" / f"{row_id[1:]}.jpg") as whole:
            assert image.format == "JPEG"
            if row_id == "p1":
                assert data == (tmp_path / "images" / "1.jpg").read_bytes()  # small ones lose nothing
                continue
            assert image.height == 32 and image.width == round(whole.width * 32 / 120)
            wanted = np.asarray(whole.resize(image.size, Image.Resampling.LANCZOS), float)
            assert np.abs(np.asarray(image, float) - wanted).mean() < 3
    for path in (tmp_path / "packed").glob("split=*/*.parquet"):
        source = pq.ParquetFile(explanations / path.relative_to(tmp_path / "packed"))
        packed = pq.ParquetFile(path)
        assert packed.schema_arrow.equals(source.schema_arrow)
        metadata, old = packed.schema_arrow.metadata, source.schema_arrow.metadata
        assert metadata[b"huggingface"] == old[b"huggingface"]  # so that viewers show pictures
        provenance = json.loads(metadata[b"entityclip"])
        how = provenance.pop("packed")
        counts = provenance.pop("counts")
        assert provenance == {k: v for k, v in json.loads(old[b"entityclip"]).items() if k != "counts"}
        assert how["size"] == 32 and sum(counts.values()) == packed.metadata.num_rows
        assert how["left_out"] == source.metadata.num_rows - packed.metadata.num_rows
        receipt = read_receipt(open_storage(tmp_path / "packed"), provenance["shard"])
        assert receipt is not None
        assert receipt.shards[f"split={provenance['split']}/{path.name}"].statuses == counts


def test_packing_goes_on_where_it_was_interrupted(explanations: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "packed"
    pack(explanations, whole, SETTINGS)
    with pytest.raises(PipelineError, match=r"3 of 30 images cannot be used.*--max-bad-images 0\.05.*--image-root"):
        hidden = [(tmp_path / "images" / f"{n}.jpg").rename(tmp_path / f"{n}.hidden") for n in (20, 21, 22)]
        pack(explanations, out, PackSettings(size=32, max_bad_images=0.05))
    for path in hidden:
        path.rename(tmp_path / "images" / f"{path.stem}.jpg")
    pack(explanations, out, SETTINGS)
    (out / "_receipts" / "bucket-00001.json").unlink()
    victim = next(out.glob("split=train/part-00001*"))
    victim.write_bytes(b"half")
    summary = pack(explanations, out, SETTINGS)
    assert contents(out) == contents(whole)
    assert summary.kept_shards == 2 and 0 < summary.rows < 29  # of 29, p6 being gone
    assert pack(explanations, out, SETTINGS).rows == 0
    other = pack(explanations, out, PackSettings(size=16, max_bad_images=0.1))
    assert other.kept_shards == 0 and contents(out) != contents(whole)


def test_a_bucket_half_packed_with_other_settings_is_not_taken_for_packed(
    explanations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "packed"
    pack(explanations, out, SETTINGS)
    whole = contents(out)
    (out / "_receipts" / "bucket-00001.json").unlink()

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pipeline.packing.pack.write_receipt", killed)
        pack(explanations, out, PackSettings(size=16, max_bad_images=0.1))
    assert contents(out) != whole
    pack(explanations, out, SETTINGS)
    assert contents(out) == whole


def test_shards_that_the_source_no_longer_has_are_removed(explanations: Path, tmp_path: Path) -> None:
    out = tmp_path / "packed"
    pack(explanations, out, SETTINGS)
    for path in (explanations / "_receipts").iterdir():
        receipt = json.loads(path.read_bytes())
        receipt["shards"] = {name: shard for name, shard in receipt["shards"].items() if "split=train" in name}
        del receipt["receipt_sha256"]
        path.write_text(json.dumps(receipt))
    pack(explanations, out, SETTINGS)
    assert contents(out) and all(name.startswith("split=train/") for name in contents(out))


def test_what_cannot_be_packed_is_said(explanations: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="has no explanation shards"):
        pack(tmp_path / "images", tmp_path / "packed")
    with pytest.raises(PipelineError, match="choose another folder"):
        pack(explanations, explanations)
    shard = next(explanations.glob("split=train/*.parquet"))
    shard.write_bytes(shard.read_bytes() + b" ")
    with pytest.raises(PipelineError, match="does not match the digest in its receipt"):
        pack(explanations, tmp_path / "packed", SETTINGS)
    next((explanations / "_receipts").iterdir()).unlink()
    with pytest.raises(PipelineError, match=r"1 of 2 buckets in .* are unfinished;"):
        pack(explanations, tmp_path / "packed", SETTINGS)


def test_row_groups_are_small(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 3 * ROW_GROUP)
    job = open_job(write_manifest(tmp_path, tiny_llama, num_shards=1))
    generate(job, ScriptedEngine())
    pack(job.output, tmp_path / "packed")
    file = pq.ParquetFile(next((tmp_path / "packed").glob("split=train/*.parquet")))
    assert file.num_row_groups == 2 and file.metadata.row_group(0).num_rows == ROW_GROUP


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("none.jpg", None, "none.jpg: no such image"),
        ("../x.jpg", None, "outside the image root"),
        (None, None, "has no image path"),
        (None, b"text", "cannot be decoded"),
    ],
)
def test_unusable_images_say_why(tmp_path: Path, path: str | None, data: bytes | None, words: str) -> None:
    with pytest.raises(BadImage, match=words):
        packed_image(tmp_path, path, data, size=32, quality=90)


def test_packing_from_and_to_object_storage(
    explanations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(explanations, tmp_path / "packed", SETTINGS)
    with s3_server(monkeypatch) as port:
        for folder in ("split=train", "split=test", "_receipts"):
            for path in (explanations / folder).iterdir():
                open_storage(s3_url(port, "from")).write(f"{folder}/{path.name}", path.read_bytes())
        pack(s3_url(port, "from"), s3_url(port, "to"), SETTINGS)
        there = open_storage(s3_url(port, "to"))
        assert {file.name: there.read(file.name) for file in there.files()} == contents(tmp_path / "packed")
        assert pack(s3_url(port, "from"), s3_url(port, "to"), SETTINGS).rows == 0
