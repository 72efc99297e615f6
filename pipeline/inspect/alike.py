"""Finds rows that share an image or a caption; evaluation counts them as correct answers for each other."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.inspect.footers import read_columns
from pipeline.inspect.summary import Summary


def ids_alike(summary: Summary, row: dict[str, Any]) -> list[str]:
    """Return the ids of all rows in the same split that share the image or caption of `row`, including `row`.

    Reads only ids, splits, captions and image paths. Raises PipelineError if a shard has become unreadable.
    """
    path, caption = (row["image"] or {}).get("path"), row["caption"].strip()
    found = {row["id"]: None}
    for look in summary.looks:
        if not any(split == row["split"] for split, _ in look.counts):
            continue
        table = read_columns(summary.found, look.name, ["id", "split", "caption", "image.path"])
        same = pc.equal(pc.utf8_trim_whitespace(table["caption"]), caption)
        if path is not None:
            same = pc.or_kleene(same, pc.equal(pc.struct_field(table["image"], "path"), path))
        same = pc.and_kleene(same, pc.equal(table["split"].cast(pa.string()), row["split"]))
        found |= dict.fromkeys(table["id"].filter(same).to_pylist())
    return list(found)
