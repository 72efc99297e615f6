"""Recognises the roles of columns by their names, and tells image names from other texts."""

from pipeline.readers import names
from pipeline.readers.columns import USUAL
from pipeline.readers.splits import split_name

ROLES = ("image", "caption", "id", "split", "topic")
# Names of columns in addition to those that the readers recognise.
_ALSO = {
    "image": "image_name image_filename img_path img_name file picture photo",
    "caption": "title description headline sentence alt alt_text caption_text",
    "id": "uuid guid _id caption_id",
    "split": "subset partition",
    "topic": "category",
}
SPLITS = {"train", "val", "test"}


def names_of(role: str) -> tuple[str, ...]:
    """Return the column names that indicate a role, starting with the usual ones."""
    return (*USUAL[role], *_ALSO[role].split())


def role_of(name: str) -> str | None:
    """Return the role that a column's name indicates, ignoring case, or None."""
    plain = plain_name(name)
    return next((role for role in ROLES if plain in names_of(role)), None)


def plain_name(name: str) -> str:
    """Return a name in lower case, with underscores for spaces and hyphens."""
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def is_image_name(text: str) -> bool:
    """Return whether a text ends with the extension of an image file."""
    return len(text) <= 4096 and names.is_image_name(text.strip())


def is_usual_split(text: str) -> bool:
    """Return whether a text names train, val or test."""
    return split_name(text) in SPLITS
