"""What `entityclip pack` writes trains as what it was made from, without the images' folder."""

import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.clip.towers import load_towers
from model.data.dataset import TripleDataset
from model.data.images import BadImage, decode_bytes, decode_file
from model.data.packed_images import PackedImages
from model.data.shards import read_split
from model.errors import ModelError
from model.settings.schema import TowerSettings
from pipeline.images.resize import UnusableImage, packed_image
from pipeline.job import open_job
from pipeline.packing.pack import PackSettings, pack
from tests.model.tiny_clip import make_tiny_clip
from tests.pipeline.packing.test_pack import photograph
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.generation import generate
from tests.support.scripted_engine import ScriptedEngine


def test_packed_rows_train_as_those_by_reference(
    tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = write_pairs(tmp_path, 90)
    for number, record in enumerate(records):
        record["image"] = f"{number // 2}.jpg"  # pairs share an image
        photograph(number // 2, 130, 100).save(tmp_path / "images" / f"{number // 2}.jpg", quality=95)
    save_records(tmp_path, records)
    job = open_job(write_manifest(tmp_path, tiny_llama, num_shards=3))
    generate(job, ScriptedEngine())
    monkeypatch.setattr("pipeline.packing.pack.ROW_GROUP", 8)
    pack(job.output, tmp_path / "packed", PackSettings(size=32))
    towers = load_towers(TowerSettings(model=f"local-dir:{make_tiny_clip(tmp_path / 'clip')}"))

    def read(folder: Path | str, workers: int = 0, cache_mib: int = 0) -> TripleDataset:
        found = read_split(Path(folder), "train", statuses=("ok",))
        return TripleDataset(found, towers, explanations=True, cache_mib=cache_mib, workers=workers)

    reference = read(job.output)
    every = list(range(len(reference)))
    one, rows = reference.batch(every)
    pack(job.output, tmp_path / "small", PackSettings(size=8))
    with pytest.raises(ModelError, match=r"packed with images of 8 pixels, the model reads 16 x 16.*--size 16"):
        read(tmp_path / "small")
    shutil.rmtree(tmp_path / "images")
    packed = read(tmp_path / "packed")
    two, packed_rows = packed.batch(every)
    assert packed_rows == rows == every and one.ids == two.ids
    for name in ("captions", "explanations", "image_group", "caption_group", "key_group"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    with torch.no_grad():
        cosine = torch.cosine_similarity(
            towers.clip.encode_image(one.images),
            towers.clip.encode_image(two.images),  # type: ignore[operator]
        )
    assert cosine.min() > 0.999

    read_groups: list[tuple[int, int]] = []
    read_group = PackedImages._read_group
    monkeypatch.setattr(PackedImages, "_read_group", lambda s, *g: read_groups.append(g) or read_group(s, *g))  # type: ignore[func-returns-value]
    monkeypatch.setattr("model.data.dataset.WINDOW", 16)
    order = packed.order(5, seed=3)
    here = list(packed.batches(islice(order.starting_at(0), order.batches_per_epoch)))
    assert len(read_groups) == len(set(read_groups)) <= 12  # each row group once an epoch
    seen = [row for _, rows in here for row in rows]
    assert len(set(seen)) == len(seen) == len(packed) // 5 * 5 and seen != sorted(seen)
    for how in ({"workers": 2}, {"cache_mib": 1}):
        other = read(tmp_path / "packed", **how)
        for (a, rows_a), (b, rows_b) in zip(
            here, other.batches(islice(other.order(5, seed=3).starting_at(0), len(here))), strict=True
        ):
            assert rows_a == rows_b and torch.equal(a.images, b.images) and torch.equal(a.captions, b.captions)
    assert sorted(row for part in packed.in_reading_order(7) for row in part) == every


def odd_images(folder: Path) -> dict[str, bytes]:
    """Images that one decoder could take and another refuse."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    grey = (np.arange(2000).reshape(40, 50) * 32).astype(np.uint16)
    images = {
        "plain.png": Image.fromarray(pixels),
        "palette.gif": Image.fromarray(pixels).convert("P"),
        "alpha.webp": Image.fromarray(np.dstack([pixels, pixels[..., :1]])),
        "grey16.png": Image.fromarray(grey),
        "deep.tiff": Image.fromarray(grey.astype(np.int32)),
        "cmyk.jpg": Image.fromarray(pixels).convert("CMYK"),
        "long.png": Image.new("RGB", (1, 600)),
        "format.ico": Image.fromarray(pixels).resize((32, 32)),
    }
    for name, image in images.items():
        image.save(folder / name)
    (folder / "cut.png").write_bytes((folder / "plain.png").read_bytes()[:500])
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("size", [20, 64])
def test_packing_and_training_agree_on_what_an_image_is(tmp_path: Path, size: int) -> None:
    used = {}
    for name in odd_images(tmp_path):
        try:
            packed = decode_bytes(packed_image(tmp_path, name, None, size=size, quality=95))
            used[name] = True
        except UnusableImage:
            used[name] = False
        try:
            whole = decode_file(tmp_path, name)
        except BadImage:
            assert not used[name], name
            continue
        assert used[name], name
        if size == 64:
            assert packed.tobytes() == whole.tobytes()  # nothing is lost of small ones
        elif name == "grey16.png":
            assert np.abs(np.asarray(packed, float).mean() - np.asarray(whole, float).mean()) < 2
    assert [name for name, usable in sorted(used.items()) if not usable] == [
        "cut.png",
        "deep.tiff",
        "format.ico",
        "long.png",
    ]
