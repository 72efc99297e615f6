"""Reading and committing explanation shards."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.atomic import committed
from pipeline.errors import PipelineError
from pipeline.schema import SCHEMA, SCHEMA_VERSION, provenance_of, schema_with
from pipeline.status import Status


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a shard, flat; `image` is the relative path. See docs/parquet_schema.md."""

    id: str
    split: str
    image: str
    caption: str
    topic: str | None
    explanation: str | None
    raw_text: str | None
    status: str
    error: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    key: str
    seed: int
    model: str
    revision: str

    @property
    def was_sent(self) -> bool:
        """Whether the engine has seen this row: it has a text, or an error of the engine's."""
        return self.raw_text is not None or self.status == Status.ERROR


def shard_path(output: Path, split: str, shard: int, num_shards: int) -> Path:
    """`OUTPUT/split=train/part-00002-of-00004.parquet`."""
    return output / f"split={split}" / f"part-{shard:05d}-of-{num_shards:05d}.parquet"


def find_shards(output: Path, shard: int | None = None) -> list[Path]:
    """All shards of an output folder (or those of one number, a shard a split), by name.

    Half-written temporary files are none.
    """
    number = "*" if shard is None else f"{shard:05d}"
    return sorted(output.glob(f"split=*/part-{number}-of-*.parquet"))


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance in a shard's footer.

    Raises:
        PipelineError: the file cannot be read, or is not one of our shards.
    """
    try:
        provenance = provenance_of(pq.read_schema(path))
    except (OSError, pa.ArrowException) as error:
        raise PipelineError(f"{path}: cannot be read ({error}); delete it and it is generated again") from error
    if provenance is None:
        raise PipelineError(f"{path}: is no explanation shard; choose another output folder")
    if provenance["schema_version"] != SCHEMA_VERSION:
        raise PipelineError(
            f"{path}: has schema version {provenance['schema_version']}, this program writes {SCHEMA_VERSION}; "
            "choose another output folder"
        )
    return provenance


def read_rows(path: Path) -> list[Row]:
    """The rows of a shard."""
    table = pq.read_table(path, partitioning=None)
    return [Row(**{**row, "image": row["image"]["path"]}) for row in table.to_pylist()]


def write_shard(path: Path, rows: list[Row], provenance: dict[str, Any]) -> None:
    """Commit a shard atomically, rows in order of id."""
    ordered = sorted(rows, key=lambda row: row.id)
    counts = count_statuses(ordered)
    columns = {name: [getattr(row, name) for row in ordered] for name in SCHEMA.names}
    columns["image"] = [{"bytes": None, "path": row.image} for row in ordered]
    schema = schema_with({**provenance, "counts": counts})
    with committed(path) as temporary:
        pq.write_table(pa.table(columns, schema=schema), temporary, compression="zstd")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def count_statuses(rows: list[Row]) -> dict[str, int]:
    """Rows by status, the commonest statuses of `Status` first, zeros left out."""
    counts = Counter(row.status for row in rows)
    return {status.value: counts[status.value] for status in Status if counts[status.value]}
