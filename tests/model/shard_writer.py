"""Writes explanation shards and receipts exactly as docs/parquet_schema.md says, without the pipeline."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from entityclip.contract.schema import SCHEMA_VERSION

_LABEL = pa.dictionary(pa.int32(), pa.string())
COLUMNS = [
    ("id", pa.string()),
    ("split", pa.string()),
    ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ("caption", pa.string()),
    ("topic", pa.string()),
    ("explanation", pa.string()),
    ("raw_text", pa.string()),
    ("status", _LABEL),
    ("error", pa.string()),
    ("finish_reason", _LABEL),
    ("prompt_tokens", pa.int32()),
    ("completion_tokens", pa.int32()),
    ("clip_tokens", pa.int32()),
    ("key", pa.string()),
    ("seed", pa.int64()),
    ("model", _LABEL),
    ("revision", _LABEL),
]


def row(number: int, split: str, **changes: Any) -> dict[str, Any]:
    """A plain row; its image is `{split}/{number}.png`."""
    caption = changes.get("caption", f"lord of name{number % 60}")
    return {
        "id": f"{split}-{number:03d}",
        "split": split,
        "image": {"bytes": None, "path": f"{split}/{number}.png"},
        "caption": caption,
        "topic": "main" if number % 3 else "rare",
        "explanation": f"name{number % 60} a {'red' if number % 2 else 'blue'} star",
        "raw_text": "as generated",
        "status": "ok",
        "error": None,
        "finish_reason": "stop",
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "clip_tokens": 7,
        "key": f"key of {caption}",
        "seed": number,
        "model": "tiny",
        "revision": "1",
    } | changes


def write_shard(
    folder: Path,
    split: str,
    rows: Sequence[dict[str, Any]],
    image_root: Path,
    shard: int = 0,
    num_shards: int = 1,
    **metadata: Any,
) -> Path:
    provenance = {
        "schema_version": SCHEMA_VERSION,
        "dataset": "toy",
        "split": split,
        "shard": shard,
        "num_shards": num_shards,
        "image_root": str(image_root),
        "model": "tiny",
        "revision": "1",
        "prompt": {"name": "toy-v1"},
        "counts": dict(Counter(row["status"] for row in rows)),
        **metadata,
    }
    schema = pa.schema(COLUMNS, metadata={"entityclip": json.dumps(provenance)})
    path = folder / f"split={split}" / f"part-{shard:05d}-of-{num_shards:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path


def write_receipts(folder: Path, num_buckets: int = 1, **changes: Any) -> list[Path]:
    """A receipt for every bucket, over the shards that are there now."""
    paths = []
    for bucket in range(num_buckets):
        shards = {}
        for path in sorted(folder.glob(f"split=*/part-{bucket:05d}-of-{num_buckets:05d}.parquet")):
            statuses = Counter(pq.read_table(path, columns=["status"], partitioning=None)["status"].to_pylist())
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            name = f"{path.parent.name}/{path.name}"
            size = path.stat().st_size
            shards[name] = {"sha256": sha256, "size": size, "rows": statuses.total(), "statuses": dict(statuses)}
        receipt = {
            "receipt_version": 1,
            "dataset": "toy",
            "bucket": bucket,
            "num_buckets": num_buckets,
            "schema_version": SCHEMA_VERSION,
            "shards": shards,
            "pending": 0,
            "unsent": 0,
            "plan": "",
            "finished_at": "2026-01-01T10:00:05.000+00:00",
        } | changes
        paths.append(folder / "_receipts" / f"bucket-{bucket:05d}.json")
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(json.dumps(receipt), encoding="utf-8")
    return paths


def picture(number: int, size: int = 20) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    picture(number).save(buffer, "PNG")
    return buffer.getvalue()


def write_dataset(root: Path, counts: dict[str, int]) -> tuple[Path, Path]:
    """(explanations, images): every split in two shards, pictures as files."""
    explanations, images = root / "explanations", root / "images"
    for split, count in counts.items():
        (images / split).mkdir(parents=True)
        rows = [row(number, split) for number in range(count)]
        for number in range(count):
            picture(number).save(images / split / f"{number}.png")
        for shard in (0, 1):
            write_shard(explanations, split, rows[shard::2], images, shard, 2)
    write_receipts(explanations, 2)
    return explanations, images
