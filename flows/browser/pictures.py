"""Resizes the images of rows, and keeps the results in an LRU cache whose size in bytes is limited."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from entityclip.contract.image_rules import BadImage
from pipeline.images.resize import shown_image

SIZES = {"small": 192, "large": 1200}  # pixels of the longest side
_KEPT_BYTES = 32 << 20
_AT_ONCE = 2  # number of images decoded at once; each may take 150 MB


class Pictures:
    """A cache of JPEGs by row and size; each picture is created when it is first requested."""

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        self._kept: OrderedDict[tuple[str, str, str], bytes | BadImage] = OrderedDict()
        self._bytes, self._most = 0, kept_bytes
        self._lock = threading.Lock()
        self._decoding = threading.Semaphore(_AT_ONCE)

    def kept(self, shard: str, row_id: str, size: str) -> bytes | None:
        """Return a picture if it is in the cache, else None. Raises BadImage if the image is known to be unusable."""
        with self._lock:
            found = self._kept.get((shard, row_id, size))
            if found is not None:
                self._kept.move_to_end((shard, row_id, size))
        if isinstance(found, BadImage):
            raise found
        return found

    def picture(self, row: dict[str, Any], root: Path, size: str) -> bytes:
        """Return the picture of a row. Raises BadImage if the image is unusable."""
        shard, row_id = row["shard"], row["id"]
        found = self.kept(shard, row_id, size)
        if found is not None:
            return found
        image = row["image"] or {}
        try:
            with self._decoding:
                made = shown_image(root, image.get("path"), image.get("bytes"), SIZES[size])
        except BadImage as error:
            without_frames = BadImage(str(error), error.fault)  # a traceback would keep the pixels in memory
            self._keep((shard, row_id, size), without_frames)
            raise
        self._keep((shard, row_id, size), made)
        return made

    def _keep(self, key: tuple[str, str, str], content: bytes | BadImage) -> None:
        with self._lock:
            self._bytes += _size(content) - _size(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._bytes > self._most:
                self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(content: bytes | BadImage) -> int:
    return len(content) if isinstance(content, bytes) else 500
