"""Rows that a condition selects, kept by DuckDB, so that paging through them asks for no scan again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.inspect.database import SHARD, Database, bracketed

_KEPT = 4  # selections; DuckDB's bound of memory holds for all together, and what is beyond goes to a temporary folder

ORDERS: Mapping[str, str] = {
    "stored": "rowid",
    "id": "id, split",
    "shortest": "clip_tokens NULLS LAST, id, split",
    "longest": "clip_tokens DESC NULLS LAST, id, split",
    "generated": "completion_tokens DESC NULLS LAST, id, split",
}


@dataclass(frozen=True)
class Wish:
    """Which rows, in which order.

    Attributes:
        where: a condition in DuckDB's SQL, checked by `Database.condition_problem`; empty for all rows.
        split, status: only rows of these; empty for all.
        order: a key of ORDERS.
    """

    where: str = ""
    split: str = ""
    status: str = ""
    order: str = "stored"


class Selections:
    """The last few conditions' rows as narrow tables, and pages of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: dict[str, str] = {}  # condition -> table, the one that was used last at the end

    def counts(self, where: str) -> list[dict[str, Any]]:
        """How many rows meet the condition: `split`, `status`, `rows`."""
        return self._database.query(
            f"SELECT split, status, count(*) AS rows FROM {self._table(where)} GROUP BY ALL ORDER BY ALL"
        ).to_pylist()

    def page(self, wish: Wish, offset: int, limit: int) -> pa.Table:
        """Shard, split and id of so many rows from a place on."""
        labels = {"split": wish.split, "status": wish.status}
        given = {name: value for name, value in labels.items() if value}
        conditions = " AND ".join(["true", *(f"{name} = ?" for name in given)])
        return self._database.query(
            f"SELECT {SHARD}, split, id FROM {self._table(wish.where)} WHERE {conditions} "
            f"ORDER BY {ORDERS[wish.order]} LIMIT {limit:d} OFFSET {offset:d}",
            list(given.values()),
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
            if len(self._database.faults["rows"]) != faults:  # the database was made anew without the damaged shards
                self._tables.clear()
        self._tables[where] = name
        return name
