"""Measures time and memory until the first batch of a large dataset: `python -m benchmarks.data_start --help`.

The triples reference their images by path, and their texts are about as long as VisualNews' captions and explanations.
Each size is measured in its own process, after loading the towers (a ViT-B/32 with one layer) and the tokenizer.
docs/performance.md has the results.
"""

import hashlib
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from PIL import Image

from benchmarks.measuring import JsonPath, Sizes, in_process, peak_mib, show_table, status_mib, write_results
from model.clip.open_clip_import import open_clip
from model.clip.towers import Towers
from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.data.shards import read_split
from pipeline.files.storage import open_storage
from pipeline.shards.shard import Row, shard_name, write_shard

BATCH = 192
_WORDS = "who where when queen visit race court minister stands beside hall river coat crowd flag grey blue old".split()
_IMAGES = 64


def write_triples(folder: Path, count: int, shards: int) -> None:
    """Write `count` rows with distinct texts and a few shared images, in shards without receipts."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(_IMAGES):
        pixels = rng.integers(0, 256, (256, 320, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.jpg")
    for shard in range(shards):
        ids = [f"guardian-{row:08d}" for row in range(shard, count, shards)]
        words = rng.choice(_WORDS, (len(ids), 130))
        rows = [
            training_row(i, f"./guardian/images/../../{n % _IMAGES}.jpg", " ".join(text[:20]), " ".join(text[20:]))
            for n, (i, text) in enumerate(zip(ids, words, strict=True))
        ]
        provenance = {"dataset": "many", "image_root": str(folder / "images")}
        write_shard(open_storage(folder), shard_name("train", shard, shards), rows, provenance)


def training_row(row_id: str, image: str, caption: str, explanation: str) -> Row:
    """Return a row of the train split with status ok. Its texts start with its id, which makes them distinct."""
    key = hashlib.sha256(row_id.encode()).hexdigest()
    made: dict[str, Any] = {"seed": 0, "model": "m", "revision": "r", "explanation": f"{row_id} {explanation}"}
    return Row(row_id, "train", image, f"{row_id} {caption}", None, "ok", key, **made)


def shallow_towers() -> Towers:
    """Return a ViT-B/32 with one layer per tower and random weights, its transform and its tokenizer."""
    clip, _, transform = open_clip.create_model_and_transforms(
        "ViT-B-32", load_weights=False, text_cfg={"layers": 1}, vision_cfg={"layers": 1}
    )
    return Towers(clip, transform, open_clip.get_tokenizer("ViT-B-32"))


def start_once(folder: Path, workers: int) -> dict[str, float]:
    """Read rows and load a first batch in this process; return times in seconds and peaks of resident memory in MiB.

    `anonymous_mib` excludes pages of the memory-mapped text file, which the kernel drops under memory pressure.
    """
    torch.set_num_threads(1)
    towers = shallow_towers()
    before, began = status_mib("RssAnon"), time.monotonic()
    with _sampled_anonymous_mib() as samples:
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
        "anonymous_mib": max(samples),
        "with_mapped_file_mib": peak_mib(),
    }


@contextmanager
def _sampled_anonymous_mib() -> Iterator[list[float]]:
    """Yield a list; a thread appends this process's anonymous memory in MiB to it every 20 ms."""
    samples, over = [status_mib("RssAnon")], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            samples.append(status_mib("RssAnon"))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def main(
    rows: Sizes = [12_000, 120_000, 1_200_000],  # noqa: B006
    workers: Annotated[int, typer.Option(help="Number of data-loading processes.")] = 2,
    rows_per_shard: Annotated[int, typer.Option(help="Triples per shard.")] = 20_000,
    json_path: JsonPath = None,
) -> None:
    """Measure the start of training, up to the first batch, on datasets of several sizes."""
    results = []
    for count in rows:
        with tempfile.TemporaryDirectory() as folder:
            write_triples(Path(folder), count, -(-count // rows_per_shard))
            results.append(in_process(start_once, Path(folder), workers))
    show_table(results)
    write_results(json_path, results)


if __name__ == "__main__":
    typer.run(main)
