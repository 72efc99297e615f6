"""Ranks that `evaluate` saves beside the metrics, so that reports need not rank again."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from entityclip.contract.atomic_files import written_whole
from model.evaluation.retrieval import Ranks


def save_ranks(run: Path, split: str, ids: list[str], found: Ranks, about: dict[str, str]) -> None:
    """Write `run/{split}_ranks.parquet`: the id and the ranks of each pair, with `about` as metadata.

    Args:
        about: digests of the weights ("towers_sha256") and shards ("shards_sha256").
    """
    columns = {"id": pa.array(ids), **{name: values.numpy() for name, values in found._asdict().items()}}
    with written_whole(_file(run, split)) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(about), temporary)


def load_ranks(run: Path, split: str, ids: list[str], about: dict[str, str]) -> Ranks | None:
    """Return the saved ranks of the pairs `ids`, or None if there are none for these pairs and the digests in `about`.

    Runs evaluated before November 2026 have no ranks.
    """
    try:
        table = pq.read_table(_file(run, split))
        table.validate(full=True)
        metadata = table.schema.metadata or {}
        saved = {name: metadata.get(name.encode(), b"").decode("utf-8", "replace") for name in about}
        if saved != about or table["id"].to_pylist() != ids:
            return None
        return Ranks(*(torch.from_numpy(table[name].to_numpy().copy()) for name in Ranks._fields))
    except (OSError, ValueError, KeyError, TypeError, MemoryError, pa.ArrowException):  # damaged: ranked again
        return None


def _file(run: Path, split: str) -> Path:
    return run / f"{split}_ranks.parquet"
