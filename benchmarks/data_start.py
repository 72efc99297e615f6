"""Time and memory until the first batch of a large dataset: `python -m benchmarks.data_start --help`.

The triples reference their images by path, and their texts are about as long as VisualNews' captions and explanations.
Each size runs in its own process, after the towers (a ViT-B/32 with one layer, and its tokenizer) are loaded.
docs/performance.md has the results.
"""

import hashlib
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import JsonPath, Sizes, in_process, peak_mib, status_mib, write_results
from entityclip.contract.schema import SCHEMA_VERSION
from model.clip.open_clip_import import open_clip
from model.clip.towers import Towers
from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.data.shards import read_split

BATCH = 192
_WORDS = "who where when queen visit race court minister stands beside hall river coat crowd flag grey blue old".split()
_IMAGES = 64


def write_triples(folder: Path, count: int, shards: int) -> None:
    """Write `count` rows with distinct texts and a few shared images, in shards without receipts."""
    rng = np.random.default_rng(0)
    for number in range(_IMAGES):
        pixels = rng.integers(0, 256, (256, 320, 3), dtype=np.uint8)
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.jpg")
    for shard in range(shards):
        ids = [f"guardian-{row:08d}" for row in range(shard, count, shards)]
        words = rng.choice(_WORDS, (len(ids), 130))
        provenance = {"schema_version": SCHEMA_VERSION, "dataset": "many", "image_root": str(folder / "images")}
        images = [{"path": f"./guardian/images/../../{number % _IMAGES}.jpg"} for number in range(len(ids))]
        table = pa.table(
            {
                "id": ids,
                "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
                "caption": [f"{i} {' '.join(row[:20])}" for i, row in zip(ids, words, strict=True)],
                "topic": pa.array(["news"] * len(ids)),
                "explanation": [f"{i} {' '.join(row[20:])}" for i, row in zip(ids, words, strict=True)],
                "status": ["ok"] * len(ids),
                "key": [hashlib.sha256(i.encode()).hexdigest() for i in ids],
            }
        ).replace_schema_metadata({"entityclip": json.dumps(provenance)})
        path = folder / "split=train" / f"part-{shard:05d}-of-{shards:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")


def shallow_towers() -> Towers:
    """Return a ViT-B/32 with one layer per tower and random weights, its transform and its tokenizer."""
    clip, _, transform = open_clip.create_model_and_transforms(
        "ViT-B-32", load_weights=False, text_cfg={"layers": 1}, vision_cfg={"layers": 1}
    )
    return Towers(clip, transform, open_clip.get_tokenizer("ViT-B-32"))


def start_once(folder: Path, workers: int) -> dict[str, float]:
    """Read the rows and load a first batch in this process; return seconds, and peaks of resident memory in MiB.

    `anonymous_mib` excludes the mapped pages of the file with the texts, which the kernel drops under memory pressure.
    """
    torch.set_num_threads(1)
    towers = shallow_towers()
    peak = _Anonymous()
    before, began = status_mib("RssAnon"), time.monotonic()
    rows = read_split(folder, "train", statuses=("ok",), allow_partial=True)
    read = time.monotonic()
    triples = TripleDataset(rows, towers, explanations=True, workers=workers)
    ready = time.monotonic()
    batches = load_batches(triples, triples.training_sampler(BATCH, seed=0))
    batch, _ = next(batches)
    first = time.monotonic()
    assert len(batch.ids) == BATCH
    return {
        "rows": len(triples),
        "read_seconds": read - began,
        "prepare_seconds": ready - read,
        "first_batch_seconds": first - ready,
        "seconds": first - began,
        "anonymous_mib_before": before,
        "anonymous_mib": peak.stop(),
        "with_mapped_file_mib": peak_mib(),
    }


class _Anonymous:
    """Tracks this process's peak anonymous memory, sampled every 20 ms."""

    def __init__(self) -> None:
        self._highest, self._stopped = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        self._stopped.set()
        self._thread.join()
        return self._highest

    def _watch(self) -> None:
        while not self._stopped.wait(0.02):
            self._highest = max(self._highest, status_mib("RssAnon"))


def main(
    rows: Sizes = [12_000, 120_000, 1_200_000],  # noqa: B006
    workers: Annotated[int, typer.Option(help="processes that load")] = 2,
    rows_per_shard: Annotated[int, typer.Option(help="triples in a shard")] = 20_000,
    json_path: JsonPath = None,
) -> None:
    """Start training on datasets of several sizes, up to the first batch."""
    times = ("first batch after, s", "reading", "preparing", "loading")
    table = Table("triples", *times, "peak MiB", "of it towers", "with mapped file")
    results = []
    for count in rows:
        with tempfile.TemporaryDirectory() as folder:
            write_triples(Path(folder), count, -(-count // rows_per_shard))
            found = in_process(start_once, Path(folder), workers)
        results.append(found)
        seconds = [found[f"{name}seconds"] for name in ("", "read_", "prepare_", "first_batch_")]
        memory = [found[name] for name in ("anonymous_mib", "anonymous_mib_before", "with_mapped_file_mib")]
        table.add_row(f"{count:,}", *(f"{s:.1f}" for s in seconds), *(f"{m:.0f}" for m in memory))
    Console().print(table)
    write_results(json_path, results)


if __name__ == "__main__":
    typer.run(main)
