"""Measures time and memory of `entityclip inspect` on many rows: `python -m benchmarks.inspection --help`.

The shards are synthetic, but have the schema, footers and receipts of real shards, and texts as long as news captions
and explanations. Each command runs in its own process. docs/inspect.md has the results.
"""

import hashlib
import random
import tempfile
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks.measuring import JsonPath, median_and_range, run_command, show_table, write_results
from entityclip.contract.receipts import BucketReceipt, ShardReceipt
from entityclip.contract.schema import schema_with
from pipeline.files.storage import open_storage
from pipeline.shards.receipts import write_receipt
from pipeline.shards.shard import shard_name

_TEXTS, _WORDS = 20_000, 30_000
_COMMANDS = {
    "summary": [],
    "summary --json": ["--json"],
    "--sample 3": ["--sample", "3"],
    "--sample 3 --where": ["--sample", "3", "--where", "status = 'truncated' AND clip_tokens > 77"],
    "--where on a text": ["--sample", "3", "--where", "explanation ILIKE '% et%ta %'"],
    "--id": ["--id", "pair-00000042"],
    "--diff": ["--diff", "{folder}"],
    "--export csv, 5 % of the rows": ["--where", "status = 'truncated'", "--export", "csv", "--out", "{out}.csv"],
    "--export parquet, all rows": ["--export", "parquet", "--out", "{out}.parquet"],
}


def write_shards(folder: Path, rows: int, rows_per_bucket: int) -> None:
    """Write a complete output folder with `rows` rows: shards of three splits, and their receipts."""
    rng = random.Random(0)
    texts = _make_texts(rng)
    buckets = max(1, rows // rows_per_bucket)
    storage = open_storage(folder)
    for bucket in range(buckets):
        numbers = list(range(bucket, rows, buckets))
        train, val = len(numbers) * 18 // 20, len(numbers) // 20
        parts = {"train": numbers[:train], "val": numbers[train : train + val], "test": numbers[train + val :]}
        shards = {}
        for split, part in parts.items():
            name = shard_name(split, bucket, buckets)
            columns = _columns(part, split, texts)
            counts = dict(Counter(columns["status"]))
            about = _provenance(split, bucket, buckets, counts)
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(columns, schema=schema_with(about)), path, compression="zstd")
            content = path.read_bytes()
            shards[name] = ShardReceipt(hashlib.sha256(content).hexdigest(), len(content), len(part), counts)
        write_receipt(storage, BucketReceipt("synthetic", bucket, buckets, shards, 0, 0, ""))


def _make_texts(rng: random.Random) -> list[str]:
    """Return texts of 20 to 100 invented words with Zipf-like frequencies, so that they compress like real texts."""
    letters = "etaoinshrdlcumwfgypbvk"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(_WORDS)]
    frequencies = list(accumulate(1 / (rank + 3) for rank in range(_WORDS)))
    return [" ".join(rng.choices(words, cum_weights=frequencies, k=rng.randint(20, 100))) for _ in range(_TEXTS)]


def _columns(numbers: list[int], split: str, texts: list[str]) -> dict[str, list[Any]]:
    cut = [n % 20 == 7 for n in numbers]
    rng = random.Random(f"{split} {numbers[:1]}")
    explanations = [f"{rng.choice(texts)} {n}" for n in numbers]
    lengths = [len(text.split()) for text in explanations]
    tokens = [min(159, length * 3 // 2) for length in lengths]
    same = len(numbers)
    return {
        "id": [f"pair-{n:08d}" for n in numbers],
        "split": [split] * same,
        "image": [{"bytes": None, "path": f"images/{n % 1000:03d}/{n:08d}.jpg"} for n in numbers],
        "caption": [f"{rng.choice(texts)[:150]} {n}" for n in numbers],
        "topic": [("politics", "sport", "arts")[n % 3] for n in numbers],
        "explanation": explanations,
        "raw_text": explanations,
        "status": ["truncated" if one else "ok" for one in cut],
        "error": [None] * same,
        "finish_reason": ["length" if one else "stop" for one in cut],
        "prompt_tokens": [80 + n % 60 for n in numbers],
        "completion_tokens": [160 if one else count for one, count in zip(cut, tokens, strict=True)],
        "clip_tokens": [length * 4 // 3 for length in lengths],
        "key": [hashlib.blake2b(str(n).encode(), digest_size=16).hexdigest() for n in numbers],
        "seed": numbers,
        "model": ["mistralai/Mistral-7B-Instruct-v0.3"] * same,
        "revision": ["e0bc86c23ce5aae1db576c8cca6f06f1f73af2db"] * same,
    }


def _provenance(split: str, bucket: int, buckets: int, counts: dict[str, int]) -> dict[str, Any]:
    run = {"engine": "vllm", "engine_version": "0.32.0", "requests": sum(counts.values())}
    times = {"began_at": f"2026-01-01T{bucket % 24:02d}:00:00.000+00:00", "finished_at": "2026-01-02T00:00:00+00:00"}
    prompt = {"name": "news-v1", "system": "You know the news.", "user": "{{ caption }}" + " who is it?" * 100}
    return {
        "dataset": "synthetic",
        "split": split,
        "shard": bucket,
        "num_shards": buckets,
        "image_root": "/data/images",
        "model": "mistralai/Mistral-7B-Instruct-v0.3",
        "revision": "e0bc86c23ce5aae1db576c8cca6f06f1f73af2db",
        "chat_template": "0" * 64,
        "prompt": {**prompt, "examples": []},
        "sampling": {"temperature": 0.7, "top_p": 0.95, "max_tokens": 160, "seed": 0, "stop": []},
        "engine": {"kind": "vllm"},
        "send_image": False,
        "max_model_len": 2048,
        "judge": {"clip_context_length": 77},
        "generations": [{**run, **times}],
        "counts": counts,
    }


def main(
    rows: Annotated[int, typer.Option(help="Number of rows.")] = 1_000_000,
    rows_per_bucket: Annotated[int, typer.Option(help="Number of rows per bucket (one shard of each split).")] = 2_500,
    repeat: Annotated[int, typer.Option(min=1, help="Number of runs of each command.")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(help="Command to measure, as named in the table (repeatable). Default: all.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Folder for the shards. An existing folder is reused.")] = None,
    json_path: JsonPath = None,
) -> None:
    """Write shards and inspect them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary) / "explanations"
        if not folder.exists():
            write_shards(folder, rows, rows_per_bucket)
        files = list(folder.rglob("*.parquet"))
        size = sum(file.stat().st_size for file in files) / 2**20
        print(f"{rows:,} rows in {len(files):,} shards, {size:,.0f} MiB")
        results: list[dict[str, Any]] = []
        for name, arguments in _COMMANDS.items():
            if only and name not in only:
                continue
            found = []
            for attempt in range(repeat):
                places = {"folder": str(folder), "out": f"{temporary}/out-{attempt}"}
                found.append(run_command("inspect", str(folder), *(one.format(**places) for one in arguments)))
            seconds, cpu = [one.seconds for one in found], [one.cpu_seconds for one in found]
            peak = max(one.peak_mib for one in found)
            results.append({"command": name, "seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak})
    times = ("seconds", "cpu_seconds")
    show_table(one | {name: median_and_range(one[name]) for name in times} for one in results)
    write_results(json_path, {"rows": rows, "shards": len(files), "mib": size, "runs": results})


if __name__ == "__main__":
    typer.run(main)
