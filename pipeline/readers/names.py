"""File names: the endings of images, for all readers, and files and folders that systems leave behind."""

# What Pillow's decoders of `image_rules.FORMATS` register (tests/pipeline/readers/test_names.py compares).
IMAGE_ENDINGS = tuple(
    ".jpg .jpeg .png .webp .gif .bmp .tif .tiff .avif .jfif .jpe .avifs .apng .ppm .pgm .pbm .pnm .pfm".split()
)
_LEFT_BEHIND = {
    "__macosx",  # resource forks, in zips made on macOS
    "thumbs.db",
    "desktop.ini",
    "@eadir",  # thumbnails of Synology's file servers
    "$recycle.bin",
    "system volume information",
    "lost+found",
}


def is_image_name(name: str) -> bool:
    """Return whether a name ends like an image file, in any case."""
    return bool(image_ending(name))


def image_ending(name: str) -> str:
    """Return the ending of an image's name as it is written, such as `.JPG`; "" for other names."""
    lower = name.lower()
    return next((name[-len(ending) :] for ending in IMAGE_ENDINGS if lower.endswith(ending)), "")


def is_left_behind(name: str) -> bool:
    """Return whether an operating system or file server left this file or folder, as `__MACOSX` and `Thumbs.db`.

    Names with a leading dot, such as `.DS_Store` and `._a.jpg`, are not among them; readers pass over all of those.
    """
    return name.lower() in _LEFT_BEHIND
