"""Rows that share an image or a caption, which evaluation counts as correct answers for each other."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import PipelineError
from pipeline.inspect.footers import unreadable
from pipeline.inspect.summary import Summary


def ids_alike(summary: Summary, row: dict[str, Any]) -> list[str]:
    """Return the ids of rows of the same split with the image or the caption of `row`, including its own.

    Reads only ids, captions and image paths.

    Raises:
        PipelineError: a shard has become unreadable.
    """
    path, caption = (row["image"] or {}).get("path"), row["caption"].strip()
    found = {row["id"]: None}
    for look in summary.looks:
        if not any(split == row["split"] for split, _ in look.counts):
            continue
        try:
            with (
                summary.found.filesystem.open_input_file(summary.found.path(look.name)) as file,
                pq.ParquetFile(file) as parquet,
            ):
                table = parquet.read(["id", "split", "caption", "image.path"])
        except (OSError, pa.ArrowException) as error:
            raise PipelineError(f"{look.name}: {unreadable(error)}") from error
        same = pc.equal(pc.utf8_trim_whitespace(table["caption"]), caption)
        if path is not None:
            same = pc.or_kleene(same, pc.equal(pc.struct_field(table["image"], "path"), path))
        same = pc.and_kleene(same, pc.equal(table["split"].cast(pa.string()), row["split"]))
        found |= dict.fromkeys(table["id"].filter(same).to_pylist())
    return list(found)
