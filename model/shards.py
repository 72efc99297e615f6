"""Reads explanation shards (docs/parquet_schema.md): which columns training needs, and what it refuses."""

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import ModelError
from model.files import digest

SCHEMA_VERSION = 2

_log = logging.getLogger(__name__)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_image(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {"bytes", "path"} <= {kind.field(i).name for i in range(kind.num_fields)}


_COLUMNS: dict[str, Callable[[pa.DataType], bool]] = {
    "id": _is_text,
    "image": _is_image,
    "caption": _is_text,
    "topic": _is_text,
    "explanation": _is_text,
    "status": _is_text,
    "key": _is_text,
}


@dataclass(frozen=True, slots=True)
class Triple:
    """One usable row."""

    id: str
    image_bytes: bytes | None
    image_path: str | None  # relative to image_root
    image_root: Path
    caption: str
    topic: str | None
    explanation: str | None
    key: str


@dataclass(frozen=True)
class SplitRows:
    """The usable rows of a split, and where they come from."""

    triples: list[Triple]
    statuses: dict[str, int]  # rows by status, used or not
    digests: dict[str, str]  # SHA-256 by shard, named relative to the folder
    shards_expected: int


def read_split(
    folder: Path, split: str, *, statuses: tuple[str, ...] | None, image_root: Path | None = None
) -> SplitRows:
    """Read `folder/split=SPLIT/part-*.parquet`, shards by name, rows in their order.

    Args:
        statuses: use only rows with these; None uses every row with a caption, for evaluation, which reads no
            explanation and whose gallery must not depend on an LLM's failures.
        image_root: overrides the one recorded in the shards.

    Raises ModelError: no shards, a file of another schema, an id that occurs twice, no usable row.
    """
    paths = sorted((folder / f"split={split}").glob("part-*.parquet"))
    if not paths:
        raise ModelError(_no_shards(folder, split))
    triples: list[Triple] = []
    seen: dict[str, Path] = {}
    counts: Counter[str] = Counter()
    expected = 0
    for path in paths:
        provenance, rows = _read(path)
        expected = max(expected, int(provenance["num_shards"]))
        root = image_root or Path(provenance["image_root"])
        for row in rows:
            counts[row["status"]] += 1
            if row["id"] in seen:
                both = f"{seen[row['id']].name} and {path.name}"
                raise ModelError(f"{path.parent}: id {row['id']!r} is in {both}; remove the shards of one layout")
            seen[row["id"]] = path
            if statuses is None and not row["caption"].strip():
                continue
            if statuses is not None and row["status"] not in statuses:
                continue
            triples.append(_triple(row, root, path, needs_explanation=statuses is not None))
    if not triples:
        found = ", ".join(f"{count} {status}" for status, count in counts.most_common()) or "no rows"
        wanted = " or ".join(statuses) if statuses else "a caption"
        raise ModelError(f"{folder}: split {split!r} has no row with {wanted} (it has {found})")
    if len(paths) < expected:
        _log.warning("%s: split %r has %d of %d shards", folder, split, len(paths), expected)
    digests = {str(path.relative_to(folder)): digest(path) for path in paths}
    return SplitRows(triples, dict(counts.most_common()), digests, expected)


def _no_shards(folder: Path, split: str) -> str:
    make = "make them with: entityclip generate MANIFEST"
    if not folder.is_dir():
        return f"no explanation folder at {folder}; {make}"
    splits = sorted(p.name.removeprefix("split=") for p in folder.glob("split=*") if any(p.glob("part-*.parquet")))
    found = f"it has {', '.join(splits)}" if splits else "it has none at all"
    return f"{folder}: no shards of split {split!r}, {found}; {make}"


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        file = pq.ParquetFile(path)  # read_table would add a column for the folder's split=
        provenance = _provenance(file.schema_arrow, path)
        return provenance, file.read(columns=list(_COLUMNS)).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ModelError(f"{path}: cannot be read as Parquet ({error}); delete it and generate it again") from error


def _provenance(schema: pa.Schema, path: Path) -> dict[str, Any]:
    raw = (schema.metadata or {}).get(b"entityclip")
    if raw is None:
        raise ModelError(f"{path}: is no explanation shard: its metadata has no `entityclip` entry")
    provenance = json.loads(raw)
    if provenance.get("schema_version") != SCHEMA_VERSION:
        version = provenance.get("schema_version")
        raise ModelError(f"{path}: has schema version {version}, this program reads {SCHEMA_VERSION}")
    for entry in ("num_shards", "image_root"):
        if entry not in provenance:
            raise ModelError(f"{path}: its `entityclip` metadata lacks {entry!r}")
    for name, is_right in _COLUMNS.items():
        if name not in schema.names:
            raise ModelError(f"{path}: lacks the column {name!r} (docs/parquet_schema.md)")
        if not is_right(schema.field(name).type):
            kind = schema.field(name).type
            raise ModelError(f"{path}: column {name!r} has type {kind} (docs/parquet_schema.md)")
    return dict(provenance)


def _triple(row: dict[str, Any], root: Path, path: Path, *, needs_explanation: bool) -> Triple:
    if needs_explanation and row["explanation"] is None:
        raise ModelError(f"{path}: row {row['id']!r} has status {row['status']} but no explanation")
    image = row["image"]
    return Triple(
        id=row["id"],
        image_bytes=image["bytes"],
        image_path=image["path"],
        image_root=root,
        caption=row["caption"],
        topic=row["topic"],
        explanation=row["explanation"],
        key=row["key"],
    )
