"""Caches the rows selected by a condition as a table in DuckDB, so that paging does not scan the shards again."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipeline.inspect.database import SHARD, Database, bracketed

_KEPT = 4  # cached selections; they share DuckDB's memory limit, and spill to a temporary folder beyond it

ORDERS: Mapping[str, str] = {
    "stored": "rowid",
    "id": "id, split",
    "shortest": "clip_tokens NULLS LAST, id, split",
    "longest": "clip_tokens DESC NULLS LAST, id, split",
    "generated": "completion_tokens DESC NULLS LAST, id, split",
}


@dataclass(frozen=True)
class Wish:
    """A selection of rows, and the order to show them in.

    Attributes:
        where: condition in DuckDB's SQL that `Database.condition_problem` has accepted; empty for all rows.
        split, status: show only rows with this split or status; empty for all.
        order: a key of ORDERS.
    """

    where: str = ""
    split: str = ""
    status: str = ""
    order: str = "stored"


class Selections:
    """Caches the rows selected by the latest conditions in tables with few columns, and returns pages of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: dict[str, str] = {}  # condition -> table, least recently used first

    def counts(self, where: str) -> pa.Table:
        """Count the rows that meet the condition; return a table with `split`, `status` and `rows`."""
        return self._database.query(
            f"SELECT split, status, count(*) AS rows FROM {self._table(where)} GROUP BY ALL ORDER BY ALL"
        )

    def page(self, wish: Wish, offset: int, limit: int) -> pa.Table:
        """Return a table with shard, split and id of `limit` rows, starting at row `offset` of the selection."""
        return self._database.query(
            f"SELECT {SHARD}, split, id FROM {self._table(wish.where)} WHERE ? IN ('', split) AND ? IN ('', status) "
            f"ORDER BY {ORDERS[wish.order]} LIMIT {limit:d} OFFSET {offset:d}",
            [wish.split, wish.status],
        )

    def _table(self, where: str) -> str:
        name = self._tables.pop(where, None)
        if name is None:
            free = [f"selection_{n}" for n in range(_KEPT) if f"selection_{n}" not in self._tables.values()]
            name = free[0] if free else self._tables.pop(next(iter(self._tables)))
            condition = bracketed(where) if where else "true"
            faults = len(self._database.faults["rows"])
            self._database.keep(
                name, f"SELECT {SHARD}, split, status, id, clip_tokens, completion_tokens FROM rows WHERE {condition}"
            )
            if len(self._database.faults["rows"]) != faults:  # the database was reopened without damaged shards
                self._tables.clear()
        self._tables[where] = name
        return name
