"""Anybody's own data, small, in every kind that a manifest can name."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.pair import Pair
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes

HF_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(number: int, form: str = "PNG") -> bytes:
    """The bytes of a small picture, different for each number."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256 % 256, 99)).save(stream, form)
    return stream.getvalue()


def put(path: Path, content: bytes | str) -> Path:
    """Write a file, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def put_parquet(
    path: Path, columns: dict[str, list[Any]], types: dict[str, Any] | None = None, row_group_size: int = 2
) -> Path:
    """Write a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: pa.array(values, (types or {}).get(name)) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path, row_group_size=row_group_size, compression="zstd")
    return path


def own_manifest(folder: Path, dataset: dict[str, Any]) -> Manifest:
    """A manifest over a dataset, in that folder."""
    content = {
        "name": "own",
        "dataset": dataset,
        "generation": {"model": "none", "prompt": "news-v1"},
        "output": "explanations",
    }
    return load_manifest(put(folder / "own.yaml", yaml.safe_dump(content)))


def pairs_of(folder: Path, dataset: dict[str, Any]) -> tuple[list[Pair], list[str]]:
    """The pairs of a dataset, and what the reader says of them."""
    notes = ReaderNotes()
    return list(read_pairs(own_manifest(folder, dataset), notes)), notes.lines()
