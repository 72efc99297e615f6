"""Images per second from disk to batches: `python -m benchmarks.data_loading --help`.

Reads the same JPEGs by reference, packed, and with open_clip's CSV and webdataset readers (the installed
open_clip_train), all with the same transform, workers and batch size. The readers alternate in rounds.
docs/performance.md has the results.
"""

import multiprocessing
import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import psutil
import torch
import typer
import webdataset
from rich.console import Console
from rich.table import Table

from benchmarks.data_start import shallow_towers
from benchmarks.measuring import JsonPath, in_process, write_results
from benchmarks.photographs import write_photographs
from entityclip.contract.receipts import BucketReceipt, ShardReceipt
from model.clip.towers import Towers
from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.data.shards import read_split
from pipeline.files.storage import open_storage
from pipeline.packing.pack import PackSettings, pack
from pipeline.shards.receipts import write_receipt
from pipeline.shards.shard import Row, shard_name, write_shard

READERS = ("csv", "webdataset", "reference", "packed")
_SHARDS = 8
_SKIPPED = 2  # unmeasured batches, until all workers are busy


def write_data(folder: Path, count: int) -> None:
    """Write the pictures in the formats of the four readers."""
    names = write_photographs(folder / "images", count)
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
    empty = "topic raw_text error finish_reason prompt_tokens completion_tokens clip_tokens".split()
    constant: dict[str, Any] = {"status": "ok", "seed": 0, "model": "m", "revision": "r", "split": "train"}
    constant |= dict.fromkeys(empty)
    for shard in range(_SHARDS):
        rows = [
            Row(id=name, image=name, caption=caption, explanation=caption, key=name, **constant)
            for name, caption in list(zip(names, captions, strict=True))[shard::_SHARDS]
        ]
        name = shard_name("train", shard, _SHARDS)
        provenance = {"dataset": "pictures", "split": "train", "shard": shard, "image_root": str(folder / "images")}
        sha256, size = write_shard(storage, name, rows, provenance)
        shards = {name: ShardReceipt(sha256, size, len(rows), {"ok": len(rows)})}
        write_receipt(storage, BucketReceipt("pictures", shard, _SHARDS, shards, pending=0, unsent=0, plan=""))


def read_once(reader: str, folder: Path, workers: int, batch_size: int) -> dict[str, float]:
    """Read one epoch; return images per second, and CPU ms per image over all processes, from the third batch on."""
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

    args = Namespace(
        train_data=str(folder / "pairs.csv")
        if reader == "csv"
        else str(folder / "tars" / f"{{00000..{_SHARDS - 1:05d}}}.tar"),
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
    get = get_csv_dataset if reader == "csv" else get_wds_dataset
    how: dict[str, Any] = {} if reader == "csv" else {"floor": True}
    data = get(args, towers.transform, True, tokenizer=towers.tokenizer, **how)
    for images, _ in data.dataloader:
        yield images


def main(
    images: Annotated[int, typer.Option(min=1, help="how many JPEGs of 800 x 600")] = 2_000,
    rounds: Annotated[int, typer.Option(min=1, help="each reader runs once per round, in turn")] = 5,
    workers: Annotated[int, typer.Option(min=1, help="processes of each reader")] = 2,
    batch_size: Annotated[int, typer.Option(min=1, help="images per batch")] = 64,
    data: Annotated[Path | None, typer.Option(help="folder to keep the pictures in, or to reuse them from")] = None,
    json_path: JsonPath = None,
) -> None:
    """Read the same pictures in four ways."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = data or Path(temporary)
        if not (folder / "packed").exists():
            write_data(folder, images)
        rates: dict[str, list[float]] = {reader: [] for reader in READERS}
        costs: dict[str, list[float]] = {reader: [] for reader in READERS}
        for _ in range(rounds):
            for reader in READERS:
                found = in_process(read_once, reader, folder, workers, batch_size)
                rates[reader].append(found["images_per_s"])
                costs[reader].append(found["cpu_ms"])
        sizes = {form: _mean_kib(folder, form) for form in ("images", "packed")}
    best = [max(pair) for pair in zip(rates["csv"], rates["webdataset"], strict=True)]
    table = Table(
        "reader", "images/s (median)", "min-max", "to the better of open_clip's", "min-max", "CPU ms an image"
    )
    for reader, measured in rates.items():
        ratios = [rate / other for rate, other in zip(measured, best, strict=True)]
        table.add_row(
            reader,
            f"{statistics.median(measured):.0f}",
            f"{min(measured):.0f}-{max(measured):.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f}-{max(ratios):.2f}",
            f"{statistics.median(costs[reader]):.2f} ({min(costs[reader]):.2f}-{max(costs[reader]):.2f})",
        )
    Console().print(table, f"KiB an image: {sizes['images']:.0f}, packed {sizes['packed']:.0f}")
    content = {"images": images, "workers": workers, "batch_size": batch_size, "kib": sizes}
    write_results(json_path, content | {"images_per_s": rates, "cpu_ms": costs})


def _mean_kib(folder: Path, form: str) -> float:
    files = [path for path in (folder / form).rglob("*") if path.suffix in (".jpg", ".parquet")]
    return sum(path.stat().st_size for path in files) / 2**10 / len(list((folder / "images").iterdir()))


if __name__ == "__main__":
    typer.run(main)
