"""What `entityclip pack` writes trains as what it was made from, without the images' folder."""

import shutil
from itertools import islice
from pathlib import Path

import pytest
import torch

from model.clip.towers import load_towers
from model.data.dataset import TripleDataset
from model.data.loader import cache_samples, load_batches
from model.data.packed_images import PackedImages
from model.data.shards import read_split
from model.errors import ModelError
from model.settings.schema import TowerSettings
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
        triples = TripleDataset(found, towers, explanations=True, workers=workers)
        cache_samples(triples, cache_mib)
        return triples

    reference = read(job.output)
    every = list(range(len(reference)))
    one, rows = next(load_batches(reference, [every]))
    pack(job.output, tmp_path / "small", PackSettings(size=8))
    with pytest.raises(ModelError, match=r"images packed at 8 pixels, but the model needs 16 x 16.*--size 16"):
        read(tmp_path / "small")
    shutil.rmtree(tmp_path / "images")
    packed = read(tmp_path / "packed")
    two, packed_rows = next(load_batches(packed, [every]))
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
    sampler = packed.training_sampler(5, seed=3)
    here = list(load_batches(packed, islice(sampler, sampler.batches_per_epoch)))
    assert len(read_groups) == len(set(read_groups)) <= 12  # each row group once an epoch
    seen = [row for _, rows in here for row in rows]
    assert len(set(seen)) == len(seen) == len(packed) // 5 * 5 and seen != sorted(seen)
    for how in ({"workers": 2}, {"cache_mib": 1}):
        other = read(tmp_path / "packed", **how)
        for (a, rows_a), (b, rows_b) in zip(
            here, load_batches(other, islice(other.training_sampler(5, seed=3), len(here))), strict=True
        ):
            assert rows_a == rows_b and torch.equal(a.images, b.images) and torch.equal(a.captions, b.captions)
    assert sorted(row for part in packed.sequential_sampler(7) for row in part) == every
