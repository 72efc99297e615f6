"""Content-addressed storage below the image root for images embedded in a dataset's files.

Each distinct image is stored once. All stages after the reader (decoding, vision models, training) get a path below an
image root, as with other datasets. Only one image is held in memory at a time.
"""

import hashlib
from pathlib import Path

from entityclip.contract.atomic_files import own_name

LARGEST = 256 * 2**20  # bytes
_MAGIC = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
)


class ImageStore:
    """Writes images into a folder; safe for concurrent processes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, content: bytes) -> str:
        """Store an image if it is new, and return its path relative to the root, with slashes. Raises OSError."""
        relative = stored_name(content)
        path = self._root / relative
        try:
            if path.stat().st_size == len(content):
                return relative
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
        temporary = own_name(path)
        try:
            temporary.write_bytes(content)
            temporary.replace(path)  # not synced: a file truncated by a power cut has the wrong size, and is replaced
        finally:
            temporary.unlink(missing_ok=True)
        return relative


def stored_name(content: bytes) -> str:
    """Return the path, relative to the store's root, at which an image is stored."""
    digest = hashlib.sha256(content).hexdigest()[:40]
    return f"{digest[:2]}/{digest[2:]}{_ending(content)}"


def _ending(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    return next((ending for magic, ending in _MAGIC if content.startswith(magic)), ".img")
