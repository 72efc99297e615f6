"""The unit that flows into generation: one image reference with its caption."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """An image-caption pair as a reader yields it.

    Attributes:
        id: stable and unique within its dataset.
        split: `train`, `val` or `test`.
        image: path of the image relative to the dataset's image root, with forward slashes.
        caption: the caption as published; may be empty (it then becomes a row with a status).
        topic: the dataset's own grouping (news section, frequency pool), if it has one.
    """

    id: str
    split: str
    image: str
    caption: str
    topic: str | None = None
