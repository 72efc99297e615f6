"""Turns decoded pixels into what viewers show: EXIF orientation applied, transparency on white, as a page has it.

Only EXIF counts, as in browsers: an orientation in XMP is often out of date.
"""

from typing import Any

from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_as_seen(image: Image.Image) -> bool:
    """Return True if a loaded image is shown as its pixels are stored: upright, and nowhere transparent."""
    return _turn(image) is None and (not image.has_transparency_data or _is_opaque(image))


def on_white(image: Image.Image) -> Image.Image:
    """Convert a loaded image to RGB, with white where it is transparent. An opaque RGB image is returned unchanged."""
    if image.has_transparency_data and (visible := _with_alpha(image)) is not None:
        page = Image.new("RGB", image.size, "white")
        page.info = image.info  # with the orientation
        page.paste(visible, mask=visible.getchannel("A"))
        return page
    return image if image.mode == "RGB" else image.convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    """Return the image with its EXIF orientation applied, and without this EXIF data."""
    turn = _turn(image)
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = {name: value for name, value in image.info.items() if name != "exif"}
    return turned


def _turn(image: Image.Image) -> Image.Transpose | None:
    data: Any = image.info.get("exif")
    if not data:
        return None
    exif = Image.Exif()
    try:
        exif.load(data)
        return _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # EXIF may be damaged in any way; the picture is good all the same
        return None


def _is_opaque(image: Image.Image) -> bool:
    visible = _with_alpha(image)
    return visible is None or visible.getchannel("A").getextrema() == (255, 255)


def _with_alpha(image: Image.Image) -> Image.Image | None:
    try:
        return image.convert("RGBA")
    except ValueError:  # a mode for which Pillow has no such conversion
        return None
