"""Rows by SQL: DuckDB reads the shards through Arrow, and nothing else."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import PipelineError
from pipeline.inspect.footers import Fault, each, unreadable
from pipeline.inspect.summary import Summary
from pipeline.schema import SCHEMA, huggingface_metadata
from pipeline.visible_text import visible

# A random order of rows: digits of a digest, the same on every machine and in every version.
RANDOM = "md5(concat(split, '/', id))"
SHARD = "shard"  # a column that the SQL sees beside the shards' own: the shard's name


R = TypeVar("R")


def _plain(field: pa.Field) -> pa.Field:
    return pa.field(field.name, field.type.value_type) if pa.types.is_dictionary(field.type) else field


# As shards have it, with nulls where one of another schema version lacks a column.
ROW_SCHEMA = pa.schema([field.with_nullable(True) for field in SCHEMA], metadata=huggingface_metadata())

_COLUMNS = pa.schema([*(_plain(field) for field in SCHEMA), pa.field(SHARD, pa.string())])


class Rows:
    """The rows of some shards as the table `rows`; of others, for a comparison, as the table `other`.

    The user's SQL can read these and nothing besides: DuckDB may touch no file, load no extension, and its settings
    are locked. A shard that turns out damaged while its texts are read is put aside in `faults`, the others are read.
    """

    def __init__(self, summary: Summary, other: Summary | None = None) -> None:
        self._tables = {"rows": summary} | ({} if other is None else {"other": other})
        self.faults: dict[str, list[Fault]] = {name: [] for name in self._tables}
        self._image_roots = {look.name: Path(str(look.provenance.get("image_root"))) for look in summary.looks}
        self._spill = tempfile.TemporaryDirectory(prefix="entityclip-inspect-")
        self._database: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is not None:
            self._database.close()
        self._spill.cleanup()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The result of one SELECT."""
        return self._attempt(lambda database: database.sql(sql, params=list(parameters)).to_arrow_table())

    def keep(self, name: str, sql: str) -> None:
        """Keep the result of a SELECT in memory as a table, for further queries."""
        self._attempt(lambda database: database.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}"))

    def _attempt(self, work: Callable[[duckdb.DuckDBPyConnection], R]) -> R:
        """Do it; where that fails on damaged shards, do it without them."""
        while True:
            try:
                return work(self._open())
            except duckdb.Error as error:
                if isinstance(error, duckdb.ConversionException) or not self._put_damaged_aside():
                    raise PipelineError(f"the SQL fails: {_first_line(error)}") from error

    def check_where(self, where: str) -> None:
        """Refuse what is no condition on the rows. Raises PipelineError saying why, and which columns there are."""
        if not where.strip():
            raise PipelineError("--where is empty")
        sql = f"SELECT id FROM rows WHERE {bracketed(where)}"
        try:
            statements = duckdb.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise PipelineError(f"--where {visible(where, 200)!r}: is more than a condition")
            self._open().execute(f"EXPLAIN {sql}")
        except duckdb.Error as error:
            raise PipelineError(
                f"--where {visible(where, 200)}: {_first_line(error)}; it is a condition in DuckDB's SQL, such as "
                f"\"status = 'truncated' AND clip_tokens > 77\"; columns: {', '.join(_COLUMNS.names)}"
            ) from error

    def pick(self, where: str | None = None, sample: int | None = None, ids: Sequence[str] = ()) -> pa.Table:
        """Shard, split and id of the rows that are meant; a sample in its own random order.

        A sample depends on ids and splits alone, not on how the rows are cut into shards.
        """
        conditions = ["true"] if where is None else [bracketed(where)]
        if ids:
            conditions.append("id IN (SELECT unnest(?::VARCHAR[]))")
        sql = f"SELECT {SHARD}, split, id FROM rows WHERE {' AND '.join(conditions)}"
        if sample is not None:
            sql += f" ORDER BY {RANDOM}, split, id LIMIT {sample}"
        return self.query(sql, [list(ids)] if ids else [])

    def tables(self, picked: pa.Table, table: str = "rows") -> Iterator[tuple[str, pa.Table]]:
        """Whole rows of the picked ids, by shard, shards by name and rows in their order, with `ROW_SCHEMA`."""
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
        """The picked rows, in the order of `picked`; those of shards that turn out damaged are left out."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for shard, part in self.tables(picked, table):
            found |= {(shard, row["id"]): {**row, SHARD: shard} for row in part.to_pylist()}
        keys = zip(picked[SHARD].to_pylist(), picked["id"].to_pylist(), strict=True)
        return [found[key] for key in keys if key in found]

    def image_root(self, shard: str) -> Path:
        """The folder that the images of this shard of `rows` are below."""
        return self._image_roots[shard]

    def _read(self, table: str, shard: str, ids: pa.ChunkedArray) -> pa.Table:
        """Only the row groups that hold a wanted id are read whole."""
        found = self._tables[table].found
        meant = ids.combine_chunks()
        parts = [ROW_SCHEMA.empty_table()]
        with found.filesystem.open_input_file(found.path(shard)) as file, pq.ParquetFile(file) as parquet:
            for group in range(parquet.num_row_groups):
                mask = pc.is_in(parquet.read_row_group(group, columns=["id"])["id"], meant)
                if pc.any(mask).as_py():
                    parts.append(_with_all_columns(parquet.read_row_group(group).filter(mask)))
        return pa.concat_tables(parts)

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._database is None:
            self._database = duckdb.connect(":memory:", config={"temp_directory": self._spill.name})
            for name, summary in self._tables.items():
                self._database.register(name, self._dataset(name, summary))
            self._database.execute("SET enable_external_access = false; SET lock_configuration = true")
        return self._database

    def _dataset(self, table: str, summary: Summary) -> Any:
        import pyarrow.dataset as pa_dataset  # brings pandas where that is installed: half a second

        aside = {fault.name for fault in self.faults[table]}
        names = [look.name for look in summary.looks if look.name not in aside]
        if not names:
            return pa_dataset.dataset(_COLUMNS.empty_table())
        return pa_dataset.FileSystemDataset.from_paths(
            [summary.found.path(name) for name in names],
            schema=_COLUMNS,
            format=pa_dataset.ParquetFileFormat(),
            filesystem=summary.found.filesystem,
            partitions=[pa_dataset.field(SHARD) == name for name in names],
        )

    def _put_damaged_aside(self) -> bool:
        """Read every shard through, which only a failed query pays for; whether one was found that cannot be read."""
        any_found = False
        for table, summary in self._tables.items():
            known = {fault.name for fault in self.faults[table]}
            names = [look.name for look in summary.looks if look.name not in known]
            found = [fault for fault in each(partial(_read_through, summary), names, "looking for damage") if fault]
            self.faults[table] += found
            any_found |= bool(found)
        if any_found and self._database is not None:
            self._database.close()
            self._database = None
        return any_found


def _with_all_columns(table: pa.Table) -> pa.Table:
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in ROW_SCHEMA
    ]
    return pa.table(columns, schema=ROW_SCHEMA)


def bracketed(where: str) -> str:
    """A condition as part of a greater one; on lines of its own, as it may end in a comment."""
    return f"(\n{where}\n)"


def _read_through(summary: Summary, name: str) -> Fault | None:
    found = summary.found
    try:
        with found.filesystem.open_input_file(found.path(name)) as file, pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches():
                batch.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        return Fault(name, unreadable(error))
    return None


def _first_line(error: Exception) -> str:
    return visible(str(error).strip().split("\n\n")[0], 400)
