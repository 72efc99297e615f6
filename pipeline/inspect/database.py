"""Makes shards available as tables in a sandboxed DuckDB, which reads them through Arrow."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from entityclip.contract.schema import SCHEMA
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.conditions import forbidden
from pipeline.inspect.find import Found
from pipeline.inspect.footers import Fault, each, unreadable

SHARD = "shard"  # extra column for SQL queries: the shard's name

# Errors that a damaged shard never causes, so there is no need to search the shards for damage.
_NOT_OF_READING = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.DataError,  # such as a failed conversion
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
)

R = TypeVar("R")


def _plain(field: pa.Field) -> pa.Field:
    return pa.field(field.name, field.type.value_type) if pa.types.is_dictionary(field.type) else field


COLUMNS = pa.schema([*(_plain(field) for field in SCHEMA), pa.field(SHARD, pa.string())])
PICKED = pa.schema([(SHARD, pa.string()), ("split", pa.string()), ("id", pa.string())])  # identifies rows


@dataclass(frozen=True)
class Shards:
    """Shards below one root; `names` lists the ones to read."""

    found: Found
    names: tuple[str, ...]


class Database:
    """Named tables that hold the rows of shards.

    SQL can read nothing but these tables: DuckDB may not access files or load extensions, and its settings are locked.
    A shard that turns out to be damaged is recorded in `faults` and excluded; the remaining ones are read.
    """

    def __init__(self, tables: dict[str, Shards], memory_mib: int | None = None, spill: str | None = None) -> None:
        """Limit DuckDB to `memory_mib` MiB of memory; it spills to a temporary folder, inside `spill` if given."""
        self.faults: dict[str, list[Fault]] = {name: [] for name in tables}
        self._tables = tables
        self._memory_mib = memory_mib
        self._spill = tempfile.TemporaryDirectory(prefix="entityclip-inspect-", dir=spill)
        self._database: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._database is not None:
            self._database.close()
        self._spill.cleanup()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return the result of one SELECT statement."""
        return self._attempt(lambda database: database.sql(sql, params=list(parameters)).to_arrow_table())

    def keep(self, name: str, sql: str) -> None:
        """Store the result of a SELECT statement in memory, as a table for later queries."""
        self._attempt(lambda database: database.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}"))

    def _attempt(self, work: Callable[[duckdb.DuckDBPyConnection], R]) -> R:
        """Run `work`; if it fails on damaged shards, retry without them."""
        while True:
            try:
                return work(self._open())
            except duckdb.Error as error:
                if isinstance(error, _NOT_OF_READING) or not self._put_damaged_aside():
                    raise PipelineError(f"the SQL query failed: {self._reason(error)}; {_mend(error)}") from error

    def condition_problem(self, where: str) -> str | None:
        """Return a brief reason why `where` is not a condition on the rows; None if it is a valid condition."""
        sql = f"SELECT id FROM rows WHERE {bracketed(where)}"
        try:
            statements = duckdb.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT or _closes_more(where):
                return "it is more than one condition"
            if (problem := forbidden(self._open(), sql)) is not None:
                return visible(problem, 200)
            self._open().execute(f"EXPLAIN {sql}")
        except duckdb.Error as error:
            message = self._reason(error)
            return "it is incomplete" if message.endswith('at or near ")"') and ")" not in where else message
        return None

    def check_where(self, where: str) -> None:
        """Raise PipelineError, with the reason and the columns, unless `where` is a condition on the rows."""
        if not where.strip():
            raise PipelineError("--where is empty")
        if (problem := self.condition_problem(where)) is not None:
            raise PipelineError(
                f"--where {visible(where, 200)}: {problem}; expected a condition in DuckDB's SQL, such as "
                f"\"status = 'truncated' AND clip_tokens > 77\"; columns: {', '.join(COLUMNS.names)}"
            )

    def _reason(self, error: Exception) -> str:
        """Return an error of DuckDB on one line, without the path of the temporary folder."""
        return _first_line(str(error).replace(self._spill.name, "the temporary folder"))

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._database is None:
            config: dict[str, Any] = {"temp_directory": self._spill.name}
            if self._memory_mib is not None:
                config |= {"memory_limit": f"{self._memory_mib}MiB", "max_temp_directory_size": "20GiB", "threads": 2}
            self._database = duckdb.connect(":memory:", config=config)
            for name, shards in self._tables.items():
                self._database.register(name, self._dataset(name, shards))
            self._database.execute("SET enable_external_access = false; SET lock_configuration = true")
        return self._database

    def _dataset(self, table: str, shards: Shards) -> Any:
        import pyarrow.dataset as pa_dataset  # imports pandas if installed: half a second

        names = self._sound(table)
        if not names:
            return pa_dataset.dataset(COLUMNS.empty_table())
        return pa_dataset.FileSystemDataset.from_paths(
            [shards.found.path(name) for name in names],
            schema=COLUMNS,
            format=pa_dataset.ParquetFileFormat(),
            filesystem=shards.found.filesystem,
            partitions=[pa_dataset.field(SHARD) == name for name in names],
        )

    def _sound(self, table: str) -> list[str]:
        aside = {fault.name for fault in self.faults[table]}
        return [name for name in self._tables[table].names if name not in aside]

    def _put_damaged_aside(self) -> bool:
        """After a failed query, read every shard in full and exclude damaged ones; return whether any were found."""
        before = sum(map(len, self.faults.values()))
        for table, shards in self._tables.items():
            read = each(partial(_read_through, shards.found), self._sound(table), "looking for damage")
            self.faults[table] += filter(None, read)
        any_found = sum(map(len, self.faults.values())) > before
        if any_found and self._database is not None:
            self._database.close()
            self._database = None
        return any_found


def bracketed(where: str) -> str:
    """Put a condition in parentheses for use in SQL, on a separate line because it may end in a comment."""
    return f"(\n{where}\n)"


def _closes_more(where: str) -> bool:
    """Return whether `where` closes a parenthesis that it did not open, and so could add SQL after the condition."""
    tokens = duckdb.tokenize(where)
    depth = 0
    data = where.encode()  # DuckDB's positions are in bytes
    for (begin, kind), (end, _) in zip(tokens, [*tokens[1:], (len(data), None)], strict=True):
        if kind == duckdb.token_type.operator:
            for character in data[begin:end].decode(errors="replace"):
                depth += {"(": 1, ")": -1}.get(character, 0)
                if depth < 0:
                    return True
    return False


def _read_through(found: Found, name: str) -> Fault | None:
    try:
        with found.filesystem.open_input_file(found.path(name)) as file, pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches():
                batch.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        return Fault(name, unreadable(error))
    return None


def _first_line(message: str) -> str:
    return visible(" ".join(message.strip().split("\n\n")[0].split()), 400)


def _mend(error: Exception) -> str:
    """Return what the user can do about an error while the query ran."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return "use a condition that builds less, or fewer rows"
    if isinstance(error, duckdb.ConversionException):
        return "TRY_CAST(value AS TYPE) gives NULL where a value cannot be converted"
    return "change the condition"
