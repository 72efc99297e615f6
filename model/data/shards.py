"""Reads and validates explanation shards (docs/parquet_schema.md)."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from entityclip.contract.errors import ContractError
from entityclip.contract.receipts import ShardReceipt
from entityclip.contract.schema import SCHEMA, SCHEMA_VERSION, provenance_of
from entityclip.contract.status import unused_rows
from model.data.parquet_reader import TripleReader, unreadable
from model.data.receipts import check_shards, how_to_make, no_shards
from model.data.remote_shards import local_shards
from model.data.triple_table import Triple, TripleTable
from model.errors import ModelError

_SHOWN = 19  # characters of a revision: "sha256:" and 12 digits; the record has all of them
_NEEDED = ("id", "image", "caption", "topic", "explanation", "status", "key")  # columns that training reads


class ShardSource(NamedTuple):
    """The shards that a split was read from.

    Attributes:
        digests: SHA-256 of each shard, by path relative to the folder, sorted by path.
        statuses: number of rows by status.
        used: number of used rows by status.
        made_by: distinct combinations of dataset, model, revision and prompt in the shards' footers.
        gaps: descriptions of missing explanations; empty if complete.
        packed_at: shortest side of any packed image, in pixels; None: images are referenced by path.
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
        """Return one SHA-256 for all shards: the hash of what `sha256sum` prints for them, sorted by name."""
        lines = "".join(f"{sha}  {name}\n" for name, sha in sorted(self.digests.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """Return the source as JSON-serialisable values."""
        return {
            "split": self.split,
            "statuses": self.statuses,
            "used": self.used,
            "made_by": list(self.made_by),
            "gaps": list(self.gaps),
            "shards": self.digests,
            "shards_sha256": self.digest,
        }

    def left_out(self) -> str:
        """Return how many rows their status leaves out, and the setting that takes them; "" if there are none."""
        unused = unused_rows(self.statuses, self.used)
        if not unused.total:
            return ""
        usable = ", ".join(unused.usable)
        return f"{unused.total:,} were left out by data.statuses ({unused.named}); use data.statuses=[{usable}]"

    def line(self) -> str:
        """Return a one-line summary for display."""
        unused = {status: count - self.used.get(status, 0) for status, count in self.statuses.items()}
        rows = f"rows used {_counted(self.used)}, not used {_counted(unused)}"
        made = "; ".join(
            f"dataset {m['dataset']}, explained by {m['model']} (revision {str(m['revision'])[:_SHOWN]}) "
            f"with prompt {m['prompt']}"
            for m in self.made_by
        )
        number = f"{len(self.digests)} shard{'s' if len(self.digests) > 1 else ''}"
        return f"split {self.split}: {number}, {rows}; {made}; sha256 of all shards {self.digest[:16]}"

    def warning(self) -> str | None:
        """Return a warning if explanations are missing, else None."""
        if not self.gaps:
            return None
        return f"PARTIAL: the explanations of split {self.split} are incomplete: {'; '.join(self.gaps)}"


def _counted(counts: dict[str, int]) -> str:
    by_status = ", ".join(f"{status} {count:,}" for status, count in counts.items() if count)
    return f"{sum(counts.values()):,}" + (f" ({by_status})" if by_status else "")


class SplitRows(NamedTuple):
    """The usable rows of a split and their source."""

    triples: TripleTable
    source: ShardSource


def read_triples(
    location: Path | str,
    split: str = "train",
    *,
    statuses: tuple[str, ...] | None = ("ok",),
    allow_partial: bool = False,
) -> Sequence[Triple]:
    """Return the triples of a split, sorted by id; texts and images are read on access. See `read_split`."""
    return read_split(location, split, statuses=statuses, allow_partial=allow_partial).triples


def read_split(
    location: Path | str,
    split: str,
    *,
    statuses: tuple[str, ...] | None,
    image_root: Path | None = None,
    allow_partial: bool = False,
) -> SplitRows:
    """Read `location/split=SPLIT/part-*.parquet` and check these shards against their receipts.

    Rows are sorted by id, so that training does not depend on how they are distributed over shards.

    Args:
        location: a folder or a URL; shards at a URL are first copied to this machine.
        statuses: use only rows with one of these; None: every row with a caption. Evaluation passes None: it reads no
            explanations, and its gallery must not depend on an LLM's failures.
        image_root: overrides the image root recorded in the shards.
        allow_partial: accept incomplete explanations; the source's `gaps` describe what is missing.

    Raises ModelError for a split without shards, incomplete explanations, a shard that differs from its receipt, a file
    with a different schema, a duplicate id, and a split without usable rows.
    """
    folder = local_shards(location)
    paths = sorted((folder / f"split={split}").glob("part-*.parquet"))
    if not paths:
        raise ModelError(no_shards(folder, split))
    footers = {path: _footer(path) for path in paths}
    shards = check_shards(folder, split, paths, dataset=footers[paths[0]].get("dataset"), allow_partial=allow_partial)
    reader = TripleReader(statuses)
    for number, (path, footer) in enumerate(footers.items()):
        counts = reader.read(number, path, image_root or Path(footer["image_root"]))
        _check_counts(path, counts, footer, shards.receipts.get(str(path.relative_to(folder))))
    if not reader.used:
        found = ", ".join(f"{count} {status}" for status, count in reader.counts.most_common()) or "none"
        remedy = "; data.statuses sets which ones to train on" if statuses else ""
        wanted = f"status {' or '.join(statuses)}" if statuses else "a caption"
        raise ModelError(f"{folder}: split {split!r} has no rows with {wanted}; rows found: {found}{remedy}")
    source = ShardSource(
        split,
        shards.digests,
        dict(reader.counts.most_common()),
        dict(reader.used.most_common()),
        _made_by(footers),
        shards.gaps,
        min((_packed_at(path, f) for path, f in footers.items() if "packed" in f), default=None),
    )
    return SplitRows(reader.rows(paths), source)


def _footer(path: Path) -> dict[str, Any]:
    """Return a shard's provenance after checking versions and columns."""
    try:
        schema = pq.read_schema(path)
        provenance = provenance_of(schema)
    except ContractError as error:
        raise ModelError(f"{path}: {error}") from error
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        raise ModelError(unreadable(path, error)) from error
    if provenance.get("schema_version") != SCHEMA_VERSION:
        raise ModelError(
            f"{path} has schema version {provenance.get('schema_version')}, but this program reads version "
            f"{SCHEMA_VERSION}; generate it again in another folder with: {how_to_make(provenance.get('dataset'))}"
        )
    if not isinstance(provenance.get("image_root"), str):
        raise ModelError(f"{path}: 'image_root' is missing from its `entityclip` metadata")
    for name in _NEEDED:
        if name not in schema.names:
            raise ModelError(f"{path} has no column {name!r}; see docs/parquet_schema.md")
        if not _reads_as(kind := schema.field(name).type, SCHEMA.field(name).type):
            raise ModelError(f"{path}: column {name!r} has the wrong type, {kind}; see docs/parquet_schema.md")
    return provenance


def _packed_at(path: Path, footer: dict[str, Any]) -> int:
    if not isinstance(size := footer["packed"].get("size"), int):
        raise ModelError(f"{path}: the size of its packed images is missing from its `entityclip` metadata; pack again")
    return size


def _check_counts(path: Path, found: Counter[str], footer: dict[str, Any], receipt: ShardReceipt | None) -> None:
    """Raise ModelError if the counted rows differ from those recorded in the footer or the receipt."""
    again = f"delete it and generate it again with: {how_to_make(footer.get('dataset'))}"
    recorded = {"footer": footer.get("counts"), "receipt": None if receipt is None else receipt.statuses}
    for source, counts in recorded.items():
        if counts is not None and Counter(counts) != found:
            raise ModelError(f"{path} has row counts {dict(found)}, but its {source} records {counts}; {again}")
    if receipt is not None and receipt.rows != found.total():
        raise ModelError(f"{path} has {found.total()} rows, but its receipt records {receipt.rows}; {again}")


def _made_by(footers: dict[Path, dict[str, Any]]) -> tuple[dict[str, str | None], ...]:
    """Return the distinct combinations of dataset, model, revision and prompt; a footer may lack any of them."""
    made = (
        {name: footer.get(name) for name in ("dataset", "model", "revision")}
        | {"prompt": (footer.get("prompt") or {}).get("name")}
        for footer in footers.values()
    )
    return tuple({tuple(one.values()): one for one in made}.values())


def _reads_as(kind: pa.DataType, declared: pa.DataType) -> bool:
    """Return whether a column's type fits the declared type: both are text, or a struct has all declared fields."""
    if pa.types.is_struct(declared):
        return pa.types.is_struct(kind) and set(declared.names) <= set(kind.names)
    return _is_text(kind) and _is_text(declared)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
