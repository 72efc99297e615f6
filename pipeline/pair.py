"""The unit of input to generation: one image reference with its caption."""

from dataclasses import dataclass

SPLITS = ("train", "val", "test")  # a split must not repeat content of an earlier one


@dataclass(frozen=True, slots=True)
class Pair:
    """An image-caption pair yielded by a dataset reader.

    Attributes:
        id: stable identifier, unique within the dataset.
        split: `train`, `val` or `test`.
        image: path of the image relative to the dataset's image root, with forward slashes.
        caption: the caption as published; a pair with an empty caption gets a row with status `empty_caption`.
        topic: category from the dataset, such as a news section or frequency pool; None if there is none.
    """

    id: str
    split: str
    image: str
    caption: str
    topic: str | None = None
