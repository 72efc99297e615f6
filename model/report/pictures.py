"""Thumbnails of bounded size, encoded as data URIs."""

import base64
import io
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from entityclip.contract.image_rules import BadImage, decode_image
from model.data.triple_table import Triple
from model.report.text import cut


class Size(NamedTuple):
    """Limits on a thumbnail: the longest side in pixels and the JPEG size in bytes."""

    side: int
    most: int


LARGE, SMALL = Size(224, 24_000), Size(112, 9_000)


class Picture(NamedTuple):
    """A picture as a data URI, or the reason why there is none."""

    uri: str | None = None
    why: str = ""


def picture_of_row(row: dict[str, Any], size: Size, image_root: Path | None = None) -> Picture:
    """Return a thumbnail for a row from `read_rows`, using its image bytes or the file under the image root."""
    image, root = row.get("image") or {}, image_root or row["image_root"]
    if image.get("bytes") is None and (image.get("path") is None or not root):
        return Picture(why="the row has no image path")
    return _picture(size, Path(root or ""), image.get("path"), image.get("bytes"))


def picture_of_triple(triple: Triple, size: Size) -> Picture:
    """Return a thumbnail for a training or test pair."""
    return _picture(size, triple.image_root, triple.image_path, triple.read_packed and triple.read_packed())


def data_uri(kind: str, content: bytes) -> str:
    """Encode content as a data URI of media type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _picture(size: Size, root: Path, path: str | None, data: bytes | None) -> Picture:
    try:
        image = decode_image(root, path, data, size.side)
    except BadImage as error:
        return Picture(why=cut(str(error), 200))
    image.thumbnail((size.side, size.side), Image.Resampling.LANCZOS)
    for quality in (85, 70, 50, 30, 10):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= size.most:
            break
    return Picture(data_uri("image/jpeg", buffer.getvalue()))
