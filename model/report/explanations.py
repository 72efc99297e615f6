"""Survey of a folder of explanation shards: counts, lengths, provenance, and a sample of row locations.

Unreadable shards are listed and skipped, because a report is most useful when something went wrong.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from entityclip.contract.schema import provenance_of
from entityclip.contract.status import EXPLAINED
from model.data.receipts import check_shards
from model.errors import ModelError
from model.report.text import cut

MOST_OF_A_KIND = 200  # sampled locations per split and status


class Place(NamedTuple):
    """Location of a row in a shard. Locations sort by a hash of the row's id, so the first N are a random sample."""

    order: int
    path: Path
    group: int
    row: int


@dataclass
class Explanations:
    """Contents of the shards, excluding the texts, which are not read.

    Attributes:
        counts: number of rows by (split, status).
        clip_tokens: number of explained rows by length in CLIP tokens; the key None counts unrecorded lengths.
        places: a sample of row locations by (split, status).
        footers: provenance from the shards' metadata.
        problems: shards that cannot be read or fail their checks.
        gaps: descriptions of missing parts of the explanations.
    """

    folder: Path
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    clip_tokens: Counter[int | None] = field(default_factory=Counter)
    places: dict[tuple[str, str], list[Place]] = field(default_factory=dict)
    footers: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def context(self) -> int | None:
        """Return CLIP's context length in tokens, or None unless all shards record the same length."""
        judges = [footer.get("judge") for footer in self.footers]
        found = [judge.get("clip_context_length") if isinstance(judge, dict) else None for judge in judges]
        return found[0] if found and isinstance(found[0], int) and found.count(found[0]) == len(found) else None


def read_explanations(folder: Path) -> Explanations:
    """Scan all shards, reading only the ids, statuses and lengths of rows."""
    found = Explanations(folder)
    paths = sorted(folder.glob("split=*/part-*.parquet"))
    for path in paths:
        try:
            shard = _read_shard(folder, path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
            found.problems.append(f"{path.relative_to(folder)} cannot be read: {cut(str(error), 300)}")
            continue
        found.footers += shard.footers
        found.counts += shard.counts
        found.clip_tokens += shard.clip_tokens
        for kind, places in shard.places.items():
            found.places[kind] = heapq.nsmallest(MOST_OF_A_KIND, [*found.places.get(kind, []), *places])
    for split in dict.fromkeys(path.parent.name.removeprefix("split=") for path in paths):
        of_split = [path for path in paths if path.parent.name == f"split={split}"]
        try:
            checked = check_shards(folder, split, of_split, allow_partial=True)
            found.gaps += [gap for gap in checked.gaps if gap not in found.gaps]
        except (ModelError, OSError) as error:
            found.problems.append(str(error))
    return found


def read_rows(places: list[Place]) -> Iterator[dict[str, Any]]:
    """Yield the rows at these locations with all columns, `split` and `image_root`, skipping unreadable rows."""
    for path, group in sorted({(place.path, place.group) for place in places}):
        wanted = [place.row for place in places if (place.path, place.group) == (path, group)]
        try:
            with pq.ParquetFile(path) as file:
                root = provenance_of(file.schema_arrow).get("image_root")
                rows = file.read_row_group(group).take(wanted).to_pylist()
        except (OSError, ValueError, pa.ArrowException):
            continue
        split = path.parent.name.removeprefix("split=")
        yield from ({**row, "split": split, "image_root": root} for row in rows)


def _read_shard(folder: Path, path: Path) -> Explanations:
    split, shard = path.parent.name.removeprefix("split="), Explanations(folder)
    with pq.ParquetFile(path) as file:
        shard.footers.append(provenance_of(file.schema_arrow))
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["id", "status", "clip_tokens"]).to_pydict()
            in_group: dict[tuple[str, str], list[Place]] = {}
            for row, (row_id, status) in enumerate(zip(table["id"], table["status"], strict=True)):
                in_group.setdefault((split, str(status)), []).append(Place(_order(row_id), path, group, row))
            for kind, places in in_group.items():
                shard.counts[kind] += len(places)
                shard.places[kind] = heapq.nsmallest(MOST_OF_A_KIND, [*shard.places.get(kind, []), *places])
            lengths = zip(table["clip_tokens"], table["status"], strict=True)
            shard.clip_tokens.update(None if n is None else int(n) for n, status in lengths if status in EXPLAINED)
    return shard


def generations_of(footer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the generation runs recorded in a shard's footer, skipping malformed records."""
    made = footer.get("generations")
    return [one for one in made if isinstance(one, dict)] if isinstance(made, list) else []


def _order(row_id: str | None) -> int:
    return int.from_bytes(blake2b((row_id or "").encode("utf-8", "replace"), digest_size=8).digest())
