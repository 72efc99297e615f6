"""Measures how many images per second are loaded from disk into batches: `python -m benchmarks.data_loading --help`.

Four readers take turns loading the same JPEGs: our readers of image files and of packed shards, and the CSV and
webdataset readers of the installed open_clip_train. All use the same transform, number of workers and batch size.
docs/performance.md has the results.
"""

import multiprocessing
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import torch
import typer
import webdataset
from PIL import Image

from benchmarks.data_start import shallow_towers, training_row
from benchmarks.measuring import JsonPath, in_process, median_and_range, show_table, write_results
from entityclip.contract.receipts import BucketReceipt, ShardReceipt
from model.clip.towers import Towers
from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.data.shards import read_split
from pipeline.files.storage import open_storage
from pipeline.packing.pack import PackSettings, pack
from pipeline.shards.receipts import write_receipt
from pipeline.shards.shard import shard_name, write_shard

READERS = ("csv", "webdataset", "reference", "packed")
_SHARDS = 8
_SKIPPED = 2  # number of initial batches that are not measured, until all workers are busy
_FIELDS, _WIDTH, _HEIGHT, _QUALITY = 24, 800, 600, 83


def write_data(folder: Path, count: int) -> None:
    """Write the pictures in the formats of the four readers."""
    names = _write_photographs(folder / "images", count)
    captions = [f"The minister opens hall number {number} by the river, Monday" for number in range(count)]
    files = [str(folder / "images" / name) for name in names]
    lines = [f"{file}\t{caption}\n" for file, caption in zip(files, captions, strict=True)]
    (folder / "pairs.csv").write_text("filepath\ttitle\n" + "".join(lines), encoding="utf-8")
    (folder / "tars").mkdir()
    for shard in range(_SHARDS):
        with webdataset.TarWriter(str(folder / "tars" / f"{shard:05d}.tar")) as tar:
            for number in range(shard, count, _SHARDS):
                jpeg = Path(files[number]).read_bytes()
                tar.write({"__key__": f"{number:05d}", "jpg": jpeg, "txt": captions[number]})
    _write_shards(folder, names, captions)
    pack(folder / "reference", folder / "packed", PackSettings())


def _write_shards(folder: Path, names: list[str], captions: list[str]) -> None:
    storage = open_storage(folder / "reference")
    for shard in range(_SHARDS):
        mine = zip(names[shard::_SHARDS], captions[shard::_SHARDS], strict=True)
        rows = [training_row(name, name, caption, caption) for name, caption in mine]
        name = shard_name("train", shard, _SHARDS)
        provenance = {"dataset": "pictures", "split": "train", "shard": shard, "image_root": str(folder / "images")}
        sha256, size = write_shard(storage, name, rows, provenance)
        shards = {name: ShardReceipt(sha256, size, len(rows), {"ok": len(rows)})}
        write_receipt(storage, BucketReceipt("pictures", shard, _SHARDS, shards, pending=0, unsent=0, plan=""))


def _write_photographs(folder: Path, count: int) -> list[str]:
    """Write `count` different JPEGs of about 100 KB and return their names.

    The images are noise with the spectrum of photographs, which makes their size and decoding cost realistic.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    fields = [_noise(rng, 2 * _WIDTH, 2 * _HEIGHT) for _ in range(min(_FIELDS, count))]
    names = [f"{number:05d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        top, left = int(rng.integers(_HEIGHT)), int(rng.integers(_WIDTH))
        cut = fields[number % len(fields)][top : top + _HEIGHT, left : left + _WIDTH] * rng.uniform(0.7, 1.1)
        image = Image.fromarray((cut * 45 + 120).clip(0, 255).astype(np.uint8))
        image.save(folder / name, "JPEG", quality=_QUALITY)
    return names


def _noise(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return noise with little colour and an amplitude that falls with frequency, of shape (height, width, 3)."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    phases = np.exp(2j * np.pi * rng.random((4, *frequency.shape)))
    noise = np.fft.irfft2(phases / frequency**1.3, s=(height, width))
    noise /= noise.std(axis=(1, 2), keepdims=True)
    field: np.ndarray = (noise[:1] + 0.3 * noise[1:]).transpose(1, 2, 0).astype(np.float32)
    return field


def read_once(reader: str, folder: Path, workers: int, batch_size: int) -> dict[str, float]:
    """Read one epoch; return images per second and CPU ms per image (all processes), measured from the third batch."""
    torch.set_num_threads(1)
    towers = shallow_towers()
    if reader in ("csv", "webdataset"):
        multiprocessing.set_start_method("fork", force=True)  # Linux' default, which open_clip's loaders rely on
        batches = _open_clip(reader, folder, towers, workers, batch_size)
    else:
        batches = _ours(folder / reader, towers, workers, batch_size)
    seen = 0
    for number, images in enumerate(batches):
        assert images.shape[1:] == (3, 224, 224) and images.dtype == torch.float32
        now, spent = time.monotonic(), _cpu_seconds()
        if number < _SKIPPED:
            began, spent_before = now, spent
        else:
            seen += len(images)
    return {"images_per_s": seen / (now - began), "cpu_ms": 1000 * (spent - spent_before) / seen}


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and all its descendants."""
    times = [process.cpu_times() for process in [psutil.Process(), *psutil.Process().children(recursive=True)]]
    return sum(spent.user + spent.system for spent in times)


def _ours(folder: Path, towers: Towers, workers: int, batch_size: int) -> Iterator[torch.Tensor]:
    rows = read_split(folder, "train", statuses=("ok",))
    triples = TripleDataset(rows, towers, explanations=False, workers=workers)
    sampler = triples.training_sampler(batch_size, seed=0)
    for batch, _ in load_batches(triples, islice(sampler, sampler.batches_per_epoch)):
        yield batch.images


def _open_clip(reader: str, folder: Path, towers: Towers, workers: int, batch_size: int) -> Iterator[torch.Tensor]:
    from open_clip_train.data import get_csv_dataset, get_wds_dataset  # slow to import

    csv, tars = reader == "csv", folder / "tars" / f"{{00000..{_SHARDS - 1:05d}}}.tar"
    args = Namespace(
        train_data=str(folder / "pairs.csv" if csv else tars),
        csv_img_key="filepath",
        csv_caption_key="title",
        csv_separator="\t",
        distributed=False,
        batch_size=batch_size,
        workers=workers,
        world_size=1,
        seed=0,
        train_num_samples=len(list((folder / "images").iterdir())),
        train_data_upsampling_factors=None,
        dataset_resampled=False,
    )
    get = get_csv_dataset if csv else partial(get_wds_dataset, floor=True)
    data = get(args, towers.transform, True, tokenizer=towers.tokenizer)
    for images, _ in data.dataloader:
        yield images


def main(
    images: Annotated[int, typer.Option(min=1, help="Number of images (JPEGs of 800 x 600 pixels).")] = 2_000,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds. In each, every reader runs once.")] = 5,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes per reader.")] = 2,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    data: Annotated[Path | None, typer.Option(help="Folder for the images. Existing images are reused.")] = None,
    json_path: JsonPath = None,
) -> None:
    """Read the same images with four readers."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = data or Path(temporary)
        if not (folder / "packed").exists():
            write_data(folder, images)
        found: dict[str, list[dict[str, float]]] = {reader: [] for reader in READERS}
        for _ in range(rounds):
            for reader in READERS:
                found[reader].append(in_process(read_once, reader, folder, workers, batch_size))
        sizes = {form: _mean_kib(folder, form) for form in ("images", "packed")}
    rates, costs = ({r: [one[key] for one in found[r]] for r in READERS} for key in ("images_per_s", "cpu_ms"))
    best = [max(pair) for pair in zip(rates["csv"], rates["webdataset"], strict=True)]
    ratios = {reader: [rate / other for rate, other in zip(rates[reader], best, strict=True)] for reader in READERS}
    columns = {"images/s": rates, "to the better of open_clip's": ratios, "CPU ms an image": costs}
    show_table({"reader": r, **{name: median_and_range(of[r]) for name, of in columns.items()}} for r in READERS)
    print(f"KiB per image: {sizes['images']:.0f} as files, {sizes['packed']:.0f} in packed shards")
    content = {"images": images, "workers": workers, "batch_size": batch_size, "kib": sizes}
    write_results(json_path, content | {"images_per_s": rates, "cpu_ms": costs})


def _mean_kib(folder: Path, form: str) -> float:
    files = [path for path in (folder / form).rglob("*") if path.suffix in (".jpg", ".parquet")]
    return sum(path.stat().st_size for path in files) / 2**10 / len(list((folder / "images").iterdir()))


if __name__ == "__main__":
    typer.run(main)
