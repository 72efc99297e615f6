"""Checks the rows of one shard: splits, ids, keys and statuses, and whether they are the planned ones."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from entityclip.contract.schema import SCHEMA
from entityclip.contract.status import EXPLAINED, Status
from pipeline.plan.plan import bucket_of

COLUMNS = ["id", "split", "image", "caption", "topic", "explanation", "raw_text", "status", "error", "key", "seed"]
_UNSENT = (Status.EMPTY_CAPTION, Status.TOO_LONG, Status.BAD_IMAGE)
_PLANNED = ("key", "caption", "image", "topic", "seed")  # a row must agree with its planned pair in these


def row_problems(table: pa.Table, split: str, number: int, count: int) -> Iterator[str]:
    """Yield what is wrong with the rows of shard `number` of `count`, each with the number of rows and an example."""
    table = _plain(table)
    ids, status = table["id"], table["status"]
    yield from _some(ids, pc.not_equal(table["split"], split), f"of another split than {split!r}")
    if repeated := len(ids) - len(pc.unique(ids)):
        yield f"{repeated:,} ids that occur before in it"
    buckets = pa.array([_bucket(key, count) != number for key in table["key"].to_pylist()], pa.bool_())
    yield from _some(ids, buckets, "whose key belongs to another shard")
    known = pa.array([one.value for one in Status])
    yield from _some(ids, pc.invert(pc.is_in(status, value_set=known)), "of an unknown status")
    empty = pc.equal(pc.fill_null(pc.utf8_length(table["explanation"]), 0), 0)
    told = pc.is_in(status, value_set=pa.array(EXPLAINED))
    yield from _some(ids, pc.and_(told, empty), "whose status promises an explanation that they lack")
    unsent = pc.is_in(status, value_set=pa.array([one.value for one in _UNSENT]))
    yield from _some(ids, pc.and_(unsent, pc.is_valid(table["raw_text"])), "that have a text although never sent")
    silent = pc.and_(pc.equal(status, Status.ERROR.value), pc.is_null(table["error"]))
    yield from _some(ids, silent, "of status error without an error")


def column_problem(table: pa.Table) -> str | None:
    """Return which column is not of the type that the schema declares, if any."""
    for name in set(COLUMNS) & set(table.column_names):
        found, declared = _value_type(table.schema.field(name).type), _value_type(SCHEMA.field(name).type)
        is_image = pa.types.is_struct(declared)
        if found != declared and not (is_image and pa.types.is_struct(found) and "path" in found.names):
            return f"has a column {name} of type {found}, not {declared}"
    return None


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def plan_problems(table: pa.Table, planned: pa.Table) -> Iterator[str]:
    """Yield how the rows of a shard differ from the planned pairs of its split and bucket."""
    table = _plain(table)
    wanted = {row["id"]: row for row in planned.to_pylist()}
    rows = table.select(["id", *_PLANNED]).to_pylist()
    strangers = [row["id"] for row in rows if row["id"] not in wanted]
    if strangers:
        yield f"{len(strangers):,} rows that are not planned for it, such as id {strangers[0]!r}"
    for name in _PLANNED:
        other = [row["id"] for row in rows if row["id"] in wanted and row[name] != wanted[row["id"]][name]]
        if other:
            yield f"{len(other):,} rows with another {name} than planned, such as id {other[0]!r}"


def _plain(table: pa.Table) -> pa.Table:
    """Return the table without dictionaries, and with only the path of an image."""
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_struct(column.type):
            column = pc.struct_field(column, "path")
        columns[name] = column
    return pa.table(columns)


def _bucket(key: str, count: int) -> int | None:
    try:
        return bucket_of(key, count)
    except (ValueError, TypeError):  # TypeError: there is no key
        return None


def _some(ids: pa.ChunkedArray, bad: pa.Array, what: str) -> Iterator[str]:
    found = ids.filter(pc.fill_null(bad, True))
    if len(found):
        yield f"{len(found):,} rows {what}, such as id {found[0].as_py()!r}"
