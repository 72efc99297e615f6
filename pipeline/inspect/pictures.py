"""Pictures put into the rows, for programs that show a picture only where its bytes are beside its path."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.images import read_image

_ROWS_AT_ONCE = 100  # with their pictures in memory; a row group each, so that a reader need not hold more either


def with_pictures(tables: Iterable[tuple[Path, pa.Table]]) -> Iterator[pa.Table]:
    """The tables, each with its image root, in pieces whose images have their bytes; an image that is not below the
    root, or not there, stays without."""
    for root, table in tables:
        for begin in range(0, len(table), _ROWS_AT_ONCE):
            piece = table.slice(begin, _ROWS_AT_ONCE)
            position = piece.schema.get_field_index("image")
            field = piece.schema.field(position)
            images = [_packed(root, image) for image in piece["image"].to_pylist()]
            yield piece.set_column(position, field, pa.array(images, field.type))


def _packed(root: Path, image: dict[str, Any] | None) -> dict[str, Any] | None:
    if image is None or image["bytes"] is not None or image["path"] is None:
        return image
    return {**image, "bytes": read_image(root, image["path"])}
