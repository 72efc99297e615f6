"""One image as a page shows it: a JPEG of few pixels, whatever lies in the file or the shard."""

import io
from pathlib import Path

from PIL import Image

from pipeline.images import FORMATS
from pipeline.packed_image import UnusableImage, check_usable, file_below, rgb

MAX_BYTES = 64 << 20  # of a file
MAX_DECODED = 50_000_000  # pixels, three bytes each; of a JPEG after it was scaled down in decoding
_QUALITY = 88


def shown_image(root: Path, path: str | None, data: bytes | None, longest: int) -> bytes:
    """An image as JPEG, no side longer than `longest` pixels, nor longer than it was.

    Pixels are as training reads them: as stored (no EXIF orientation is applied), RGB, of an animation the first frame.

    Raises:
        UnusableImage: missing, outside of the root, not decodable, or too large to be shown.
    """
    try:
        source = _file(root, path) if data is None else io.BytesIO(data)
        with Image.open(source, formats=FORMATS) as image:
            check_usable(image)
            image.draft("RGB", (longest, longest))  # JPEG alone: decoded at a half, a quarter or an eighth
            if image.width * image.height > MAX_DECODED:
                raise UnusableImage(f"{image.width}x{image.height} pixels are too many to be shown here")
            image.load()
            pixels = rgb(image)
        pixels.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        pixels.save(buffer, "JPEG", quality=_QUALITY)
    except UnusableImage:
        raise
    except Exception as error:  # Pillow's decoders raise whatever Python can; a bad image costs its place and no more
        raise UnusableImage(f"cannot be decoded: {error}".replace(str(root), ".")) from error
    return buffer.getvalue()


def _file(root: Path, path: str | None) -> Path:
    file = file_below(root, path)
    if not file.is_file():
        raise UnusableImage(f"no file {path} below the image root")
    if file.stat().st_size > MAX_BYTES:
        raise UnusableImage(f"{path}: {file.stat().st_size:,} bytes are too many to be shown here")
    return file
