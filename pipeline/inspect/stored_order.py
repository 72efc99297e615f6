"""Pages of rows as they are stored: footers say which shard a page lies in, so any page costs one or two shards."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import PipelineError
from pipeline.inspect.database import SHARD
from pipeline.inspect.footers import Look, unreadable
from pipeline.inspect.summary import Summary

_EMPTY = pa.table({name: pa.array([], pa.string()) for name in (SHARD, "split", "id")})


def stored_page(summary: Summary, split: str, status: str, offset: int, limit: int) -> pa.Table:
    """Shard, split and id of so many rows from a place on, shards by name and rows in their order.

    Args:
        split, status: only rows of these; empty for all.

    Raises:
        PipelineError: a shard cannot be read any more.
    """
    parts = [_EMPTY]
    for look in summary.looks:
        here = sum(
            rows
            for (of_split, of_status), rows in look.counts.items()
            if split in ("", of_split) and status in ("", of_status)
        )
        if offset < here:
            part = _meant(summary, look, split, status).slice(offset, limit)
            parts.append(part)
            limit -= len(part)
        offset = max(0, offset - here)
        if limit <= 0:
            break
    return pa.concat_tables(parts)


def _meant(summary: Summary, look: Look, split: str, status: str) -> pa.Table:
    found = summary.found
    try:
        with found.filesystem.open_input_file(found.path(look.name)) as file:
            table = pq.read_table(file, columns=["id", "split", "status"])
    except (OSError, pa.ArrowException) as error:
        raise PipelineError(f"{look.name}: {unreadable(error)}") from error
    for name, label in (("split", split), ("status", status)):
        if label:
            table = table.filter(pc.equal(table[name].cast(pa.string()), label))
    shards = pa.array([look.name] * len(table), pa.string())
    return pa.table({SHARD: shards, "split": table["split"].cast(pa.string()), "id": table["id"].cast(pa.string())})
