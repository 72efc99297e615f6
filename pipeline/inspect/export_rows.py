"""Exports rows to files for other programs, as CSV for spreadsheets, JSON lines or Parquet."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from entityclip.contract.atomic_files import written_whole
from entityclip.contract.image_rules import BadImage, image_file
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.rows import ROW_SCHEMA, Rows

_PICTURES_AT_ONCE = 100  # rows with pictures in memory, and per row group, which bounds readers' memory
# Characters that start a formula in a spreadsheet, with full-width forms; some programs strip leading white space.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def with_pictures(tables: Iterable[tuple[Path, pa.Table]]) -> Iterator[pa.Table]:
    """Yield the tables in pieces, with the images' bytes read from the image root that comes with each table.

    Missing images and images outside the root are left without bytes.
    """
    for root, table in tables:
        for begin in range(0, len(table), _PICTURES_AT_ONCE):
            piece = table.slice(begin, _PICTURES_AT_ONCE)
            position = piece.schema.get_field_index("image")
            field = piece.schema.field(position)
            images = [_packed(root, image) for image in piece["image"].to_pylist()]
            yield piece.set_column(position, field, pa.array(images, field.type))


def _packed(root: Path, image: dict[str, Any] | None) -> dict[str, Any] | None:
    if image is None or image["bytes"] is not None or image["path"] is None:
        return image
    try:
        return {**image, "bytes": image_file(root, image["path"]).read_bytes()}
    except (BadImage, OSError):
        return image


Format = Literal["csv", "jsonl", "parquet"]


def export_rows(rows: Rows, picked: pa.Table, path: Path, form: Format, *, pictures: bool = False) -> int:
    """Write the picked rows atomically to a new file; return the number of rows.

    In CSV, text that a spreadsheet would evaluate as a formula gets a leading apostrophe, and image bytes are left out.
    Rows are read one shard at a time; only the ids of all rows are held in memory.

    Args:
        pictures: whether to embed the image files found below the shards' image roots; Parquet only.

    Raises:
        PipelineError: the file already exists.
    """
    if path.exists():
        raise PipelineError(f"{path} already exists; choose another name, or remove it")
    tables: Iterator[pa.Table] = (table for _, table in rows.tables(picked))
    if pictures:
        tables = with_pictures((rows.image_root(shard), table) for shard, table in rows.tables(picked))
    count = 0

    def counted() -> Iterator[pa.Table]:
        nonlocal count
        for table in tables:
            count += len(table)
            yield table

    with written_whole(path) as temporary:
        _WRITERS[form](temporary, counted())
    return count


def _csv(path: Path, tables: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the BOM tells spreadsheets that it is UTF-8
        writer = csv.writer(file)
        writer.writerow(ROW_SCHEMA.names)
        writer.writerows([_cell(value) for value in row.values()] for row in _plain_rows(tables))


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _jsonl(path: Path, tables: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in _plain_rows(tables))


def _parquet(path: Path, tables: Iterator[pa.Table]) -> None:
    with pq.ParquetWriter(path, ROW_SCHEMA, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


_WRITERS: dict[Format, Callable[[Path, Iterator[pa.Table]], None]] = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}


def _plain_rows(tables: Iterator[pa.Table]) -> Iterator[dict[str, Any]]:
    for table in tables:
        for batch in table.to_batches(max_chunksize=1_000):
            for row in batch.to_pylist():
                yield {**row, "image": (row["image"] or {}).get("path")}


def check_out(path: Path | None, form: Format | None, pictures: bool) -> None:
    """Raise PipelineError if --export, --out or --pictures lacks an option that it requires."""
    if pictures and form != "parquet":
        raise PipelineError("--pictures requires --export parquet")
    if form is not None and path is None:
        raise PipelineError(f"--export {form} requires --out with the path of the file to write")
    if path is not None and form is None:
        raise PipelineError(f"--out {visible(str(path))} requires --export csv, jsonl or parquet")
