"""Maps records with arbitrary columns to pairs: finds ids, splits and image paths, and stores embedded images."""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.errors import PipelineError
from pipeline.images.store import LARGEST, ImageStore
from pipeline.manifest.datasets import Columns
from pipeline.pair import Pair
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import PairMaker
from pipeline.readers.splits import MOST_SPLITS, hash_split, split_name

USUAL = {
    "id": ("id", "uid", "key"),
    "caption": ("caption", "captions", "text", "txt", "sentences", "json.caption", "json.captions", "json.text"),
    "image": (
        "image image_path images img file_name filename filepath image_file path jpg jpeg png webp gif bmp tif tiff"
    ).split(),
    "split": ("split", "json.split"),
    "topic": ("topic", "section", "json.topic", "json.section"),
}
MOST_IN_LIST = 1_000
_SIGNATURES = 1_000
_UNUSUAL = re.compile(r"^/|//|(^|/)\.(/|$)|/$")
_LOOKED_AT = 1_000  # each column named in the manifest must occur in at least one of the first 1,000 records


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read from a dataset.

    Attributes:
        where: file, unit (such as "line") and number of the record, for error messages.
        fields: values by column. A caption is a string or a list of strings; an image is a path, bytes, a struct with
            a path and bytes, or a list of these.
        id: id to use if `fields` contains no id. Default: a hash of image and caption.
        split: split of the record's file, if known.
    """

    where: tuple[str, str, int]
    fields: Mapping[str, Any]
    id: str | None = None
    split: str | None = None

    def error(self, problem: str) -> PipelineError:
        """Return an error whose message names this record's file and position."""
        location, what, number = self.where
        return PipelineError(f"{location}, {what} {number:,}: {problem}")


def columns_to_read(columns: Columns) -> set[str]:
    """Return the columns that may be needed: those set in the manifest, and the usual columns for the other roles."""
    return {column for role, named in columns for column in ((named,) if named else USUAL[role])}


class RecordMapper:
    """Converts a dataset's records to pairs."""

    def __init__(
        self,
        columns: Columns,
        notes: ReaderNotes,
        *,
        root: str | None,
        store: ImageStore | None,
        held_out: int,
        ignore_splits: bool = False,
        inside: Path | None = None,
    ) -> None:
        """Set up the mapping.

        Images are either paths below `root` or files to write to `store`; the other of these two arguments is None.
        `store` receives embedded images and, if `inside` is given, the files below `inside` that records refer to.
        """
        self._given: dict[str, str | None] = dict(columns)
        self._never_seen = {role for role, column in self._given.items() if column is not None} | {"caption"}
        self._has_ids = columns.id is not None or "id" not in columns.model_fields_set
        self._notes = notes
        self._maker = PairMaker(notes)
        self._root = root
        self._store = store
        self._inside = inside
        self._held_out = held_out
        self._ignore_splits = ignore_splits
        self._splits: set[str] = set()
        self._candidates: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def pairs(self, records: Iterable[Record]) -> Iterator[Pair]:
        """Yield the pairs: for each record, every combination of its images and captions.

        Raises:
            PipelineError: a record has no image column or a value of the wrong type, or no record has a column that
                the manifest names.
        """
        count = 0
        for count, record in enumerate(records, start=1):
            yield from self._pairs(record)
            if count == _LOOKED_AT:
                self._check_columns(f"the first {count:,} records", record)
        if 0 < count < _LOOKED_AT:
            self._check_columns("the records", record)

    def _pairs(self, record: Record) -> Iterator[Pair]:
        found_image, image = self._value(record, "image")
        if not found_image:
            raise record.error(f"no column with images; {self._hint(record, 'image')}")
        _, caption = self._value(record, "caption")
        split = self._split(record)
        if split == "":
            self._notes.passed_over["without a split"] += 1
            return
        own_id = self._text(record, "id") if self._has_ids else ""
        id_ = own_id or record.id
        topic = self._text(record, "topic") or None
        images = [self._image(record, one) for one in self._list(record, image, "images")]
        captions = [self._as_text(record, one, "caption") for one in self._list(record, caption, "captions")]
        split = split or self._checked(record, hash_split(images[0] if images else "", self._held_out))
        if not images or not captions:
            self._notes.passed_over[f"without {'images' if not images else 'captions'}"] += 1
        lists = (isinstance(image, list), isinstance(caption, list))
        for (i, one_image), (c, one_caption) in itertools.product(enumerate(images), enumerate(captions)):
            numbers = "".join(f"_{n}" for n, listed in zip((i, c), lists, strict=True) if listed)
            name = f"{id_}{numbers}" if id_ is not None else _hashed(f"{one_image}\0{one_caption}")
            make = self._maker.pair_as_it_is if own_id else self._maker.pair
            yield make(name, split, one_image, one_caption, topic)

    def _value(self, record: Record, role: str) -> tuple[bool, Any]:
        """Return whether the record has a column for `role`, and the value in it."""
        fields = record.fields
        signature = tuple(fields)
        if (candidates := self._candidates.get(signature)) is None:
            if len(self._candidates) > _SIGNATURES:
                self._candidates.clear()
            candidates = self._candidates[signature] = {
                r: [c for c in (USUAL[r] if name is None else (name,)) if c in fields or c.partition(".")[0] in fields]
                for r, name in self._given.items()
            }
        for column in candidates[role]:
            found, value = lookup(fields, column)
            if found:
                self._never_seen.discard(role)
                return True, None if value != value else value  # pandas writes missing values as NaN
        return False, None

    def _text(self, record: Record, role: str) -> str:
        return self._as_text(record, self._value(record, role)[1], role).strip()

    def _as_text(self, record: Record, value: Any, role: str) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogateescape")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise record.error(f"expected the {role} to be text, found {type(value).__name__}; {self._hint(record, role)}")

    def _list(self, record: Record, value: Any, what: str) -> list[Any]:
        if not isinstance(value, list):
            return [value]
        if len(value) > MOST_IN_LIST:
            raise record.error(f"{len(value):,} {what}; the limit is {MOST_IN_LIST:,}")
        return value

    def _split(self, record: Record) -> str | None:
        """Return the split; "" if the split column is empty, None if neither the record nor its file gives a split."""
        found, value = (False, None) if self._ignore_splits else self._value(record, "split")
        if not found:
            if record.split is not None and not self._ignore_splits:
                self._notes.splits.add("splits by file or folder")
                return self._checked(record, record.split)
            self._notes.splits.add(f"{self._held_out} in 100 images assigned to val and as many to test by a hash")
            return None
        given = self._as_text(record, value, "split")
        self._notes.splits.add("splits from a column")
        if given in self._splits:  # fast path for the common case
            return given
        if not given.strip():
            return ""
        split = split_name(given)
        if split is None:
            raise record.error(f"{given[:100]!r} is not a valid split name; use a word such as train")
        return self._checked(record, split)

    def _checked(self, record: Record, split: str) -> str:
        self._splits.add(split)
        if len(self._splits) > MOST_SPLITS:
            raise record.error(f"more than {MOST_SPLITS} different splits; {self._hint(record, 'split')}")
        return split

    def _image(self, record: Record, value: Any) -> str:
        """Return the image's path below the root; "" if there is no image (reported later in the row's status)."""
        path: Any = None
        if isinstance(value, dict):
            value, path = value.get("bytes"), value.get("path")
        if isinstance(value, bytes | bytearray | memoryview) and self._store is not None:
            if len(value) > LARGEST:
                self._notes.large_images += 1
                return ""
            return self._store.put(bytes(value))
        if isinstance(value, bytes) and path is None:
            raise record.error("the image is stored as bytes; remove dataset.root to read images from the files")
        text = self._as_text(record, value if isinstance(value, str) else path, "image")
        if text and self._store is not None and self._inside is not None:
            return self._copied(text, self._inside)
        if text and self._root is None:
            raise record.error(f"the image is a path, {text[:100]!r}; set dataset.root to its base folder")
        return _below(text, self._root or "")

    def _copied(self, path: str, folder: Path) -> str:
        """Copy a file from the dataset's folder to the store and return its path there; "" if there is no such file."""
        assert self._store is not None
        try:
            whole = (folder / path).resolve()
            if not whole.is_relative_to(folder.resolve()):
                self._notes.outside += 1
            elif whole.is_file() and whole.stat().st_size <= LARGEST:
                return self._store.put(whole.read_bytes())
        except (OSError, ValueError, RuntimeError):
            pass  # the row's status will report the missing image
        return ""

    def _hint(self, record: Record, role: str) -> str:
        names = [str(name)[:60] for name in itertools.islice(record.fields, 30)]
        return f"the columns are {', '.join(names) or 'none'}; set dataset.columns.{role} to the right one"

    def _check_columns(self, what: str, last: Record) -> None:
        for role in sorted(self._never_seen):
            named = self._given[role]
            column = f"the column {named!r}" if named is not None else "a column with captions"
            raise PipelineError(f"{last.where[0]}: none of {what} has {column}; {self._hint(last, role)}")


def lookup(fields: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Look up a column by name, or a field inside nested objects by its dotted name."""
    if column in fields:
        return True, fields[column]
    first, dot, rest = column.partition(".")
    inside = fields.get(first) if dot else None
    return lookup(inside, rest) if isinstance(inside, dict) else (False, None)


def _below(path: str, root: str) -> str:
    """Return a path relative to the root. A path outside the root is returned unchanged and reported later."""
    if not _UNUSUAL.search(path):
        return path
    pure = PurePosixPath(path)
    if pure.is_absolute() and root and pure.is_relative_to(root):
        pure = pure.relative_to(root)
    return str(pure)


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
