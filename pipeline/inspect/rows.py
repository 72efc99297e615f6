"""Selects and reads rows, either by SQL or page by page in stored order."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from entityclip.contract.schema import SCHEMA, huggingface_metadata
from pipeline.inspect.database import PICKED, SHARD, Database, Shards, bracketed
from pipeline.inspect.footers import Fault, Look, read_columns, unreadable
from pipeline.inspect.summary import Summary

# SQL for a pseudo-random order of rows that is the same on every machine and in every version.
RANDOM = "md5(concat(split, '/', id))"
# The shards' schema, but nullable, since shards with a different schema version may lack a column.
ROW_SCHEMA = pa.schema([field.with_nullable(True) for field in SCHEMA], metadata=huggingface_metadata())


def stored_page(summary: Summary, split: str, status: str, offset: int, limit: int) -> pa.Table:
    """Return shard, split and id of `limit` rows starting at `offset`, in stored order, with shards sorted by name.

    Args:
        split, status: return only rows with this split or status; empty for all.

    Raises:
        PipelineError: a shard has become unreadable.
    """
    parts = [PICKED.empty_table()]
    for look in summary.looks:
        labels = [(a, b) for a, b in look.counts if split in ("", a) and status in ("", b)]
        here = sum(look.counts[label] for label in labels)
        if offset < here:
            part = _selected(summary, look, split, status).slice(offset, limit)
            parts.append(part)
            limit -= len(part)
        offset = max(0, offset - here)
        if limit <= 0:
            break
    return pa.concat_tables(parts)


def _selected(summary: Summary, look: Look, split: str, status: str) -> pa.Table:
    table = read_columns(summary.found, look.name, ["id", "split", "status"])
    for name, label in (("split", split), ("status", status)):
        if label:
            table = table.filter(pc.equal(table[name].cast(pa.string()), label))
    return table.append_column(SHARD, pa.array([look.name] * len(table))).select(PICKED.names).cast(PICKED)


class Rows(Database):
    """Database with the rows of `summary` as the table `rows` and those of `other`, if given, as the table `other`."""

    def __init__(self, summary: Summary, other: Summary | None = None) -> None:
        summaries = {"rows": summary} | ({} if other is None else {"other": other})
        names = {name: tuple(look.name for look in one.looks) for name, one in summaries.items()}
        super().__init__({name: Shards(one.found, names[name]) for name, one in summaries.items()})
        self._image_roots = {look.name: Path(str(look.provenance.get("image_root"))) for look in summary.looks}

    def pick(self, where: str | None = None, sample: int | None = None, ids: Sequence[str] = ()) -> pa.Table:
        """Return shard, split and id of the selected rows, or of a random sample of them.

        The sample and its order depend only on ids and splits, not on the number of shards.
        """
        conditions = ["true"] if where is None else [bracketed(where)]
        if ids:
            conditions.append("id IN (SELECT unnest(?::VARCHAR[]))")
        sql = f"SELECT {SHARD}, split, id FROM rows WHERE {' AND '.join(conditions)}"
        if sample is not None:
            sql += f" ORDER BY {RANDOM}, split, id LIMIT {sample}"
        return self.query(sql, [list(ids)] if ids else [])

    def tables(self, picked: pa.Table, table: str = "rows") -> Iterator[tuple[str, pa.Table]]:
        """Yield the name and picked rows (`ROW_SCHEMA`) of each shard, in order of names; rows are in stored order."""
        ordered = picked.select([SHARD, "id"]).sort_by(SHARD).combine_chunks()
        runs = pc.run_end_encode(ordered[SHARD].combine_chunks()) if len(ordered) else None
        begin = 0
        for shard, end in [] if runs is None else zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            try:
                yield shard, self._read(table, shard, ordered["id"].slice(begin, end - begin))
            except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
                self.faults[table].append(Fault(shard, unreadable(error)))
            begin = end

    def rows(self, picked: pa.Table, table: str = "rows") -> list[dict[str, Any]]:
        """Return the picked rows with all columns, in the order of `picked`; rows in damaged shards are left out."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for shard, part in self.tables(picked, table):
            found |= {(shard, row["id"]): {**row, SHARD: shard} for row in part.to_pylist()}
        keys = zip(picked[SHARD].to_pylist(), picked["id"].to_pylist(), strict=True)
        return [found[key] for key in keys if key in found]

    def image_root(self, shard: str) -> Path:
        """Return the image root of a shard of the table `rows`."""
        return self._image_roots[shard]

    def _read(self, table: str, shard: str, ids: pa.ChunkedArray) -> pa.Table:
        """Read rows by id; only row groups that contain one of these ids are read in full."""
        found = self._tables[table].found
        wanted = ids.combine_chunks()
        parts = [ROW_SCHEMA.empty_table()]
        with found.filesystem.open_input_file(found.path(shard)) as file, pq.ParquetFile(file) as parquet:
            for group in range(parquet.num_row_groups):
                mask = pc.is_in(parquet.read_row_group(group, columns=["id"])["id"], wanted)
                if pc.any(mask).as_py():
                    parts.append(_with_all_columns(parquet.read_row_group(group).filter(mask)))
        return pa.concat_tables(parts)


def _with_all_columns(table: pa.Table) -> pa.Table:
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in ROW_SCHEMA
    ]
    return pa.table(columns, schema=ROW_SCHEMA)
