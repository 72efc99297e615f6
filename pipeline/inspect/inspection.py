"""Runs one inspection: the summary, plus sample rows, a comparison or an export."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.database import bracketed
from pipeline.inspect.diff import Diff, compare
from pipeline.inspect.export_rows import Format, check_out, export_rows
from pipeline.inspect.rows import Rows
from pipeline.inspect.summary import Summary, summarise

_SAMPLES, _DIFFERENCES = 5, 3


@dataclass(frozen=True)
class Wanted:
    """What to show in addition to the summary.

    Attributes:
        where: condition in DuckDB's SQL; all other options apply only to rows that meet it.
        sample: number of random rows to show (with `diff`, differences to show; with `export`, rows to write).
        ids: ids of rows to show.
        diff: location of another generation of the same pairs, to compare with.
        export: format of the exported file.
        out: path of the exported file.
        pictures: whether to include the images' bytes in the exported file.
    """

    where: str | None = None
    sample: int | None = None
    ids: tuple[str, ...] = ()
    diff: str | None = None
    export: Format | None = None
    out: Path | None = None
    pictures: bool = False

    def __bool__(self) -> bool:
        return self != Wanted()


@dataclass(frozen=True)
class Inspection:
    """Result of an inspection.

    Attributes:
        matching: number of rows that meet the condition, by split and status; None without a condition.
        samples: sample rows with all columns; None if not requested.
        exported: number of rows in the exported file.
    """

    summary: Summary
    matching: dict[str, dict[str, int]] | None = None
    samples: list[dict[str, Any]] | None = None
    diff: Diff | None = None
    exported: int | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return the inspection as a JSON-serialisable dict; docs/inspect.md lists the keys."""
        more = {
            "matching": self.matching,
            "samples": self.samples if self.samples is None else [_without_bytes(row) for row in self.samples],
            "diff": self.diff and self.diff.as_plain(),
            "exported_rows": self.exported,
        }
        return self.summary.as_plain() | {key: value for key, value in more.items() if value is not None}


def inspect_explanations(summary: Summary, wanted: Wanted) -> Inspection:
    """Run an inspection. Shards that turn out to be damaged are added to the summary's faults.

    Raises:
        PipelineError: the condition is invalid, an id does not exist, there are no pairs to compare, or `out` exists.
    """
    check_out(wanted.out, wanted.export, wanted.pictures)
    if wanted.diff and (wanted.ids or wanted.export):
        raise PipelineError("--diff cannot be combined with --id or --export; run them separately")
    if not wanted:
        return Inspection(summary)
    other = None if wanted.diff is None else summarise(wanted.diff)
    if wanted.diff is not None and other is None:
        raise PipelineError(f"{visible(wanted.diff)} contains no explanations to compare with")
    with Rows(summary, other) as rows:
        if wanted.where is not None:
            rows.check_where(wanted.where)
        if other is not None:
            sample = _DIFFERENCES if wanted.sample is None else wanted.sample
            found = Inspection(summary, diff=compare(rows, summary, other, where=wanted.where, sample=sample))
        else:
            found = _pick(summary, rows, wanted)
        faults = list(rows.faults["rows"])
        if other is not None:
            faults += [
                replace(fault, name=f"{other.found.location}: {fault.name}")
                for fault in (*other.faults, *rows.faults["other"])
            ]
    return replace(found, summary=replace(summary, faults=(*summary.faults, *faults)))


def _pick(summary: Summary, rows: Rows, wanted: Wanted) -> Inspection:
    matching = None if wanted.where is None else _matching(rows, wanted.where)
    if wanted.export is not None:
        assert wanted.out is not None, "checked"
        picked = rows.pick(wanted.where, wanted.sample, wanted.ids)
        written = export_rows(rows, picked, wanted.out, wanted.export, pictures=wanted.pictures)
        return Inspection(summary, matching, exported=written)
    sample = _SAMPLES if wanted.sample is None and not wanted.ids else wanted.sample
    picked = rows.pick(wanted.where, sample, wanted.ids)
    missing = sorted(set(wanted.ids) - set(picked["id"].to_pylist()))
    if missing and wanted.where is None and sample is None:
        raise PipelineError(
            f"{visible(summary.found.location)} has no row with the id "
            f"{', '.join(visible(one, 80) for one in missing[:5])}"
        )
    return Inspection(summary, matching, samples=rows.rows(picked))


def _matching(rows: Rows, where: str) -> dict[str, dict[str, int]]:
    sql = (
        f"SELECT split, status, count(*) AS rows FROM rows WHERE {bracketed(where)} "
        "GROUP BY ALL ORDER BY split, rows DESC, status"
    )
    counts: dict[str, dict[str, int]] = {}
    for row in rows.query(sql).to_pylist():
        counts.setdefault(row["split"], {})[row["status"]] = row["rows"]
    return counts


def _without_bytes(row: dict[str, Any]) -> dict[str, Any]:
    image = row["image"] or {}
    size = None if image.get("bytes") is None else len(image["bytes"])
    return {**row, "image": {"path": image.get("path"), "bytes": size}}
