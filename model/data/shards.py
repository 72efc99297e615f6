"""Reads explanation shards (docs/parquet_schema.md): which columns training needs, and what it refuses."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from entityclip.contract.errors import ContractError
from entityclip.contract.receipts import ShardReceipt
from entityclip.contract.schema import SCHEMA, SCHEMA_VERSION, provenance_of
from model.data.parquet_reader import TripleReader, unreadable
from model.data.receipts import check_shards, how_to_make
from model.data.remote_shards import local_shards
from model.data.triple_table import TripleTable
from model.errors import ModelError

# Of the contract's columns those that training reads.
_NEEDED = ("id", "image", "caption", "topic", "explanation", "status", "key")


@dataclass(frozen=True)
class ShardSource:
    """The shards that a split was read from.

    Attributes:
        digests: SHA-256 by shard, named relative to the folder, by name.
        statuses: rows by status, used or not; used: those that are used.
        made_by: dataset, model, revision and prompt as the shards' footers say, each combination once.
        gaps: what is missing of the dataset's explanations; empty if they are complete.
        packed_at: pixels of the shorter side of the images in the shards, the least of them; None: by reference.
    """

    split: str
    digests: dict[str, str]
    statuses: dict[str, int]
    used: dict[str, int]
    made_by: tuple[dict[str, str | None], ...] = ()
    gaps: tuple[str, ...] = ()
    packed_at: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what `sha256sum` prints of the shards in order of their names: one for all."""
        lines = "".join(f"{sha}  {name}\n" for name, sha in sorted(self.digests.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """The same as plain types."""
        return {
            "split": self.split,
            "statuses": self.statuses,
            "used": self.used,
            "made_by": list(self.made_by),
            "gaps": list(self.gaps),
            "shards": self.digests,
            "shards_sha256": self.digest,
        }

    def line(self) -> str:
        """The same for people."""
        left = {status: count - self.used.get(status, 0) for status, count in self.statuses.items()}
        rows = f"rows used {_counted(self.used)}, not used {_counted(left)}"
        made = "; ".join(
            f"dataset {m['dataset']}, explained by {m['model']} (revision {m['revision']}) with prompt {m['prompt']}"
            for m in self.made_by
        )
        number = f"{len(self.digests)} shard{'s' if len(self.digests) > 1 else ''}"
        return f"split {self.split}: {number}, {rows}; {made}; sha256 of all shards {self.digest[:16]}"

    def warning(self) -> str | None:
        """What must not be overlooked: that explanations are missing."""
        if not self.gaps:
            return None
        return f"PARTIAL: split {self.split} is used as it is, explanations are missing: {'; '.join(self.gaps)}"


def _counted(counts: dict[str, int]) -> str:
    by_status = ", ".join(f"{status} {count:,}" for status, count in counts.items() if count)
    return f"{sum(counts.values()):,}" + (f" ({by_status})" if by_status else "")


@dataclass(frozen=True)
class SplitRows:
    """The usable rows of a split, and where they come from."""

    triples: TripleTable
    source: ShardSource


def read_split(
    location: Path | str,
    split: str,
    *,
    statuses: tuple[str, ...] | None,
    image_root: Path | None = None,
    allow_partial: bool = False,
) -> SplitRows:
    """Read `location/split=SPLIT/part-*.parquet`, all checked by their receipts; rows in the order of their ids.

    So the same explanations give the same training, whatever shards their keys put them in.

    Args:
        location: a folder, or a URL, whose shards are copied to this machine first.
        statuses: use only rows with these; None uses every row with a caption, for evaluation, which reads no
            explanation and whose gallery must not depend on an LLM's failures.
        image_root: overrides the one recorded in the shards.
        allow_partial: read what is there of explanations that are not complete; the source says what is missing.

    Raises ModelError: no shards, explanations that are not complete, a shard that is not what its receipt says, a
    file of another schema, an id that occurs twice, no usable row.
    """
    folder = local_shards(location)
    paths = sorted((folder / f"split={split}").glob("part-*.parquet"))
    if not paths:
        raise ModelError(_no_shards(folder, split))
    footers = {path: _footer(path) for path in paths}
    shards = check_shards(
        folder,
        split,
        paths,
        dataset=footers[paths[0]].get("dataset"),
        allow_partial=allow_partial,
    )
    reading = TripleReader(statuses)
    for number, (path, footer) in enumerate(footers.items()):
        counts = reading.read(number, path, image_root or Path(footer["image_root"]))
        _check_counts(path, counts, footer, shards.receipts.get(str(path.relative_to(folder))))
    if not reading.used:
        found = ", ".join(f"{count} {status}" for status, count in reading.counts.most_common()) or "no rows"
        wanted = " or ".join(statuses) if statuses else "a caption"
        raise ModelError(f"{folder}: split {split!r} has no row with {wanted} (it has {found})")
    source = ShardSource(
        split,
        shards.digests,
        dict(reading.counts.most_common()),
        dict(reading.used.most_common()),
        _made_by(footers),
        shards.gaps,
        min((footer["packed"]["size"] for footer in footers.values() if "packed" in footer), default=None),
    )
    return SplitRows(reading.rows(paths), source)


def _no_shards(folder: Path, split: str) -> str:
    make = f"make them with: {how_to_make()}"
    if not folder.is_dir():
        return f"no explanation folder at {folder}; {make}"
    splits = sorted(p.name.removeprefix("split=") for p in folder.glob("split=*") if any(p.glob("part-*.parquet")))
    found = f"it has {', '.join(splits)}" if splits else "it has none at all"
    return f"{folder}: no shards of split {split!r}, {found}; {make}"


def _footer(path: Path) -> dict[str, Any]:
    try:
        return _provenance(pq.read_schema(path), path)
    except (OSError, pa.ArrowException) as error:
        raise ModelError(unreadable(path, error)) from error


def _check_counts(path: Path, found: Counter[str], footer: dict[str, Any], receipt: ShardReceipt | None) -> None:
    """Rows by status, counted, are what the footer and the receipt say, where they say it."""
    said = {"footer": footer.get("counts"), "receipt": None if receipt is None else receipt.statuses}
    for who, counts in said.items():
        if counts is not None and Counter(counts) != found:
            raise ModelError(
                f"{path}: has rows {dict(found)}, its {who} says {counts}; delete it and make it again with: "
                f"{how_to_make(footer.get('dataset'))}"
            )
    if receipt is not None and receipt.rows != found.total():
        raise ModelError(
            f"{path}: has {found.total()} rows, its receipt says {receipt.rows}; delete it and make it again with: "
            f"{how_to_make(footer.get('dataset'))}"
        )


def _made_by(footers: dict[Path, dict[str, Any]]) -> tuple[dict[str, str | None], ...]:
    """Dataset, model, revision and prompt, each combination once; a footer may lack what training does not need."""
    found: dict[tuple[str | None, ...], dict[str, str | None]] = {}
    for footer in footers.values():
        prompt = footer.get("prompt") or {}
        made = {name: footer.get(name) for name in ("dataset", "model", "revision")} | {"prompt": prompt.get("name")}
        found.setdefault(tuple(made.values()), made)
    return tuple(found.values())


def _provenance(schema: pa.Schema, path: Path) -> dict[str, Any]:
    try:
        provenance = provenance_of(schema)
    except ContractError as error:
        raise ModelError(f"{path}: {error}") from error
    if provenance.get("schema_version") != SCHEMA_VERSION:
        version = provenance.get("schema_version")
        raise ModelError(
            f"{path}: has schema version {version}, this program reads {SCHEMA_VERSION}; "
            f"make it anew in another folder with: {how_to_make(provenance.get('dataset'))}"
        )
    if "image_root" not in provenance:
        raise ModelError(f"{path}: its `entityclip` metadata lacks 'image_root'")
    for name in _NEEDED:
        if name not in schema.names:
            raise ModelError(f"{path}: lacks the column {name!r} (docs/parquet_schema.md)")
        if not _reads_as(kind := schema.field(name).type, SCHEMA.field(name).type):
            raise ModelError(f"{path}: column {name!r} has type {kind} (docs/parquet_schema.md)")
    return provenance


def _reads_as(kind: pa.DataType, declared: pa.DataType) -> bool:
    """Whether a column reads as the declared one: text in whatever form of Arrow's, or a struct with its fields."""
    if pa.types.is_struct(declared):
        return pa.types.is_struct(kind) and set(declared.names) <= set(kind.names)
    return _is_text(kind) and _is_text(declared)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
