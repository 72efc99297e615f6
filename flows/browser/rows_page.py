"""Prepares the data for the list of rows and for the page of a single row; the HTML is rendered elsewhere."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from flows.browser.contents import Contents
from flows.browser.view import LONGEST_WHERE, View
from pipeline.errors import PipelineError
from pipeline.inspect.database import SHARD
from pipeline.inspect.query_process import QueryProcess
from pipeline.inspect.rows import Rows, stored_page

Abandoned = Callable[[], bool]


@dataclass(frozen=True)
class RowsPage:
    """One page of the list.

    Attributes:
        total: number of rows on all pages.
        splits: number of rows by split, counting only rows that meet the condition and have the selected status.
        statuses: number of rows by status, counting only rows that meet the condition and are in the selected split.
        rows: complete rows, each with the additional keys `shard` and `at` (the row's index in the list).
        problem: error message if the condition is invalid; in this case there are no rows.
    """

    view: View
    total: int = 0
    pages: int = 1
    splits: dict[str, int] | None = None
    statuses: dict[str, int] | None = None
    rows: tuple[dict[str, Any], ...] = ()
    unreadable: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class RowPage:
    """A row and its neighbours in the view; `at` is the row's index in the view."""

    view: View
    row: dict[str, Any]
    provenance: dict[str, Any]
    at: int | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Browse:
    """Reads pages of rows; thread-safe."""

    def __init__(self, contents: Contents, queries: QueryProcess) -> None:
        self._summary = contents.summary
        self._queries = queries
        self._rows = Rows(contents.summary)  # only to read shards, not for SQL
        self._looks = {look.name: look for look in contents.summary.looks}

    def page(self, view: View, abandoned: Abandoned) -> RowsPage:
        """Return the page selected by the view, or the last page if the page number is too high."""
        try:
            counts = self._counts(view, abandoned)
            splits = {split: _of(by_status, view.status) for split, by_status in counts.items()}
            statuses: Counter[str] = Counter()
            for split, by_status in counts.items():
                if view.split in ("", split):
                    statuses.update(by_status)
            total = _of(statuses, view.status)
            pages = max(1, -(-total // view.per))
            view = view.having(page=min(view.page, pages))
            begin = (view.page - 1) * view.per
            rows, unreadable = self._numbered(self._picked(view, begin, view.per, abandoned), begin)
        except PipelineError as error:
            return RowsPage(view, problem=str(error))
        return RowsPage(view, total, pages, splits, statuses, rows, unreadable)

    def row(self, shard: str, row_id: str) -> dict[str, Any] | None:
        """Return a complete row, or None if it does not exist. Raises PipelineError if its shard cannot be read."""
        if shard not in self._looks:
            return None
        faults = self._rows.faults["rows"]
        before = len(faults)
        found = self._rows.rows(pa.table({SHARD: [shard], "id": [row_id]}))
        if not found and (new := [fault for fault in faults[before:] if fault.name == shard]):
            raise PipelineError(f"{shard}: {new[0].why}")
        return found[0] if found else None

    def row_page(self, view: View, shard: str, row_id: str, at: int | None, abandoned: Abandoned) -> RowPage | None:
        """Return a row's page, or None if the row does not exist."""
        row = self.row(shard, row_id)
        if row is None:
            return None
        page = RowPage(view, row, self._looks[shard].provenance)
        if at is None:
            return page
        begin = max(0, at - 1)
        try:
            near = self._picked(view, begin, 3 if at else 2, abandoned).to_pylist()
        except PipelineError:
            return page
        by_place = {place: {**one, "at": place} for place, one in enumerate(near, start=begin)}
        mine = by_place.get(at)
        if mine is None or (mine[SHARD], mine["id"]) != (shard, row_id):
            return page
        return replace(page, at=at, before=by_place.get(at - 1), after=by_place.get(at + 1))

    def image_root(self, shard: str) -> Any:
        return self._rows.image_root(shard)

    def find(self, row_id: str, abandoned: Abandoned) -> list[dict[str, str]]:
        """Return up to two rows (shard, split, id) with this id or, if none exist, with an id that starts with it."""
        found: list[dict[str, str]] = self._queries.find(row_id, 2, abandoned).to_pylist()
        same = [one for one in found if one["id"] == row_id]
        return same or found

    def rows_of(self, picked: pa.Table) -> dict[str, dict[str, Any]]:
        """Read the picked rows in full and return them by id, skipping rows in unknown or unreadable shards."""
        return {row["id"]: row for row in self._numbered(picked, 0)[0]}

    def _counts(self, view: View, abandoned: Abandoned) -> dict[str, dict[str, int]]:
        """Return the number of rows that meet the view's condition, by split and status."""
        if not view.where:
            return self._summary.counts
        if len(view.where) > LONGEST_WHERE:
            raise PipelineError(f"the condition is longer than {LONGEST_WHERE:,} characters")
        return self._queries.counts(view.where, abandoned)

    def _picked(self, view: View, begin: int, count: int, abandoned: Abandoned) -> pa.Table:
        if view.is_as_stored:
            return stored_page(self._summary, view.split, view.status, begin, count)
        return self._queries.page(view.wish, begin, count, abandoned)

    def _numbered(self, picked: pa.Table, begin: int) -> tuple[tuple[dict[str, Any], ...], int]:
        """Read the picked rows in full; return them with their indices, and the number of rows that cannot be read."""
        picked = picked.filter(pa.array([shard in self._looks for shard in picked[SHARD].to_pylist()], pa.bool_()))
        found = {(row[SHARD], row["id"]): row for row in self._rows.rows(picked)}
        keys = list(zip(picked[SHARD].to_pylist(), picked["id"].to_pylist(), strict=True))
        rows = [{**found[key], "at": begin + n} for n, key in enumerate(keys) if key in found]
        return tuple(rows), len(keys) - len(rows)


def _of(by_status: dict[str, int], status: str) -> int:
    return by_status.get(status, 0) if status else sum(by_status.values())
