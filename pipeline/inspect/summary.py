"""Summarises shards, reading only footers, receipts and narrow columns."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entityclip.contract.schema import SCHEMA_VERSION
from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.completeness import Completeness, check_completeness
from pipeline.inspect.find import Found, find_shards
from pipeline.inspect.footers import Fault, Look, Tally, look_at_shards
from pipeline.inspect.histogram import Histogram, histogram
from pipeline.inspect.provenance import Origin, origins
from pipeline.pair import SPLITS


@dataclass(frozen=True)
class Summary:
    """Summary of shards; docs/inspect.md describes the content.

    Attributes:
        made: what is finished and what is missing in the output.
        counts: number of rows by split and status.
        completion_tokens: lengths of the explanations in LLM tokens.
        clip_tokens: lengths of the explanations in CLIP tokens.
        finish_reasons: number of rows by the engine's finish reason; the key None counts rows without a finish reason.
        notes: warnings about the shards that affect what the numbers mean.
    """

    found: Found
    looks: tuple[Look, ...]
    faults: tuple[Fault, ...]
    made: Completeness
    origins: tuple[Origin, ...]
    counts: dict[str, dict[str, int]]
    completion_tokens: Histogram | None
    clip_tokens: Histogram | None
    finish_reasons: dict[str | None, int]
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows in the readable shards."""
        return sum(look.rows for look in self.looks)

    @property
    def state(self) -> str:
        """The state of the output: `complete`, `half-made`, or `unknown` if only part of it was summarised."""
        if self.found.kind != "explanations":
            return "unknown"
        return "complete" if self.made.complete else "half-made"

    def as_plain(self) -> dict[str, Any]:
        """Return a JSON-serialisable dict. Keys may be added; renaming a key requires a new `inspect_version`."""
        made = self.made
        return {
            "inspect_version": 1,
            "kind": self.found.kind,
            "location": self.found.location,
            "state": self.state,
            "schema_versions": sorted({str(look.provenance.get("schema_version")) for look in self.looks}),
            "rows": self.rows,
            "shards": len(self.looks),
            "bytes": sum(look.size for look in self.looks),
            "counts": self.counts,
            "finish_reasons": {"unknown" if k is None else k: n for k, n in self.finish_reasons.items()},
            "completion_tokens": self.completion_tokens and self.completion_tokens.as_plain(),
            "clip_tokens": self.clip_tokens and self.clip_tokens.as_plain(),
            "provenance": [origin.as_plain() for origin in self.origins],
            "buckets": {
                "all": made.buckets,
                "finished": made.receipts,
                "unfinished": list(made.unfinished),
                "pending_pairs": made.pending,
                "unsent_rows": made.unsent,
                "spooled_answers": made.spooled,
            },
            "missing_shards": list(made.missing),
            "unlisted_shards": list(made.unlisted),
            "half_written": list(made.half_written),
            "writers": list(made.writers),
            "damaged": [{"file": fault.name, "why": fault.why, "rows_shown": fault.shown} for fault in self.faults],
            "notes": list(self.notes),
        }


def summarise(location: Path | str) -> Summary | None:
    """Summarise the shards at a location without reading texts; return None for a folder without explanation shards.

    Raises:
        PipelineError: `location` does not exist, or is a file that is not an explanation shard.
    """
    found = find_shards(location)
    if found is None:
        return None
    looks, faults = look_at_shards(found)
    foreign = [fault for fault in faults if fault.foreign]
    if found.shards and len(foreign) == len(found.shards):
        if found.kind == "folder of shards":
            return None
        raise PipelineError(f"{visible(str(location))}: {foreign[0].why}")
    made, not_as_listed = check_completeness(found, looks, faults)
    kinds = origins(looks)
    contexts = {origin.context for origin in kinds}
    context = contexts.pop() if len(contexts) == 1 else None
    return Summary(
        found=found,
        looks=tuple(looks),
        faults=(*faults, *not_as_listed),
        made=made,
        origins=tuple(kinds),
        counts=_counts(looks),
        completion_tokens=histogram(_together(looks, "completion_tokens")),
        clip_tokens=histogram(_together(looks, "clip_tokens"), context),
        finish_reasons=dict(_together(looks, "finish_reason").most_common()),
        notes=tuple(_notes(looks)),
    )


def _counts(looks: list[Look]) -> dict[str, dict[str, int]]:
    """Count rows by split and status; both are in the order used in reports, with unknown names last."""
    total: Counter[tuple[str, str]] = Counter()
    for look in looks:
        total.update(look.counts)
    order = {name: n for n, name in enumerate((*SPLITS, *(status.value for status in Status)))}
    counts: dict[str, dict[str, int]] = {}
    for split, status in sorted(total, key=lambda one: [(order.get(name, len(order)), name) for name in one]):
        counts.setdefault(split, {})[status] = total[split, status]
    return counts


def _together(looks: list[Look], column: str) -> Tally:
    """Count rows by value of a column over all shards; rows of shards without this column count as None."""
    total: Tally = Counter()
    for look in looks:
        total.update(look.tallies.get(column, Counter({None: look.rows})))
    return total


def _notes(looks: list[Look]) -> list[str]:
    notes = []
    versions = {look.provenance.get("schema_version") for look in looks}
    newer = {version for version in versions if isinstance(version, int) and version > SCHEMA_VERSION}
    if newer:
        which = ", ".join(map(str, sorted(newer)))
        notes.append(
            f"warning: written by a newer EntityCLIP (schema version {which}; this one reads {SCHEMA_VERSION}), so "
            f"what is shown may be wrong; update EntityCLIP to inspect, train on or extend it"
        )
    if other := versions - {SCHEMA_VERSION} - newer:
        notes.append(
            f"found schema version {', '.join(sorted(visible(str(v), 40) for v in other))}; `generate` and `train` "
            f"accept only version {SCHEMA_VERSION}"
        )
    if len({look.provenance.get("num_shards") for look in looks}) > 1:
        notes.append("the shards have different num_shards, so rows may be duplicated")
    if len({look.provenance.get("dataset") for look in looks}) > 1:
        notes.append("the shards belong to several datasets")
    return notes
