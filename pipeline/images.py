"""Can this image be used? Asked before any LLM token is spent on its caption."""

from pathlib import Path

from PIL import Image

MAX_PIXELS = 178_956_970  # Pillow's own bound: 2**31 bytes / 4 bytes a pixel / 3


def image_problem(root: Path, relative: str) -> str | None:
    """Why the image `root/relative` cannot be used, or None. Never reads outside `root`."""
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        return f"{relative}: lies outside the image root"
    if not path.is_file():
        return f"{relative}: no such image"
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                return f"{relative}: {image.width}x{image.height} pixels is more than {MAX_PIXELS}"
            image.draft("RGB", (64, 64))  # JPEG: a cheap pass over the whole file, so truncation shows
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{relative}: cannot be decoded: {error}".replace(str(root), ".")
    return None
