"""Maps records with arbitrary columns to pairs: finds ids, splits and image paths, and stores embedded images."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.images.store import LARGEST, ImageStore
from pipeline.manifest.datasets import Columns
from pipeline.pair import Pair
from pipeline.readers.encodings import TextWatch
from pipeline.readers.image_paths import ImagePaths
from pipeline.readers.names import IMAGE_ENDINGS
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import PairMaker
from pipeline.readers.splits import MOST_SPLITS, hash_split, taken_for
from pipeline.readers.values import text_of

USUAL = {
    "id": ("id", "uid", "key"),
    "caption": ("caption", "captions", "text", "txt", "sentences", "json.caption", "json.captions", "json.text"),
    "image": [
        *"image image_path images img file_name filename filepath image_file path".split(),
        *(ending.removeprefix(".") for ending in IMAGE_ENDINGS),
    ],
    "split": ("split", "json.split"),
    "topic": ("topic", "section", "json.topic", "json.section"),
}
MOST_IN_LIST = 1_000
_NAMES = ("id", "split", "topic")  # bytes that are no text become hex digits there
_REQUIRED = ("image", "caption")  # in at least one of the first 1,000 records
_SIGNATURES = 1_000
_SPELLINGS = 1_000  # of splits
_LOOKED_AT = 1_000  # one of the first 1,000 records must have an image, a caption, and each column that is named


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
        rename_splits: Mapping[str, str] | None = None,
        encoding: str | None = None,
        is_decoded: bool = False,
    ) -> None:
        """Set up the mapping.

        Images are either paths below `root` or files to write to `store`; the other of these two arguments is None.
        `store` receives embedded images and, if `inside` is given, the files below `inside` that records refer to.
        `encoding` is that of texts that are not UTF-8; `is_decoded` says that the reader has applied it already.
        """
        self._given: dict[str, str | None] = dict(columns)
        self._never_seen = {role for role, column in self._given.items() if column is not None} | {"caption"}
        self._has_ids = columns.id is not None or "id" not in columns.model_fields_set
        self._notes = notes
        self._maker = PairMaker(notes)
        self._paths = ImagePaths(root or "", notes.image_paths)
        self._root = root
        self._store = store
        self._inside = inside
        self._held_out = held_out
        self._ignore_splits = ignore_splits
        self._splits: dict[str, str] = {}  # what each split of the data is taken for
        self._distinct: set[str] = set()
        self._rename = {given.strip().lower(): ours for given, ours in (rename_splits or {}).items()}
        self._encoding = encoding
        self._watch = TextWatch(encoding, is_decoded=is_decoded)
        self._wrong: dict[str, PipelineError] = {}  # by role: the first record without a usable value
        self._right: set[str] = set()  # roles with a usable value
        self._candidates: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def pairs(self, records: Iterable[Record]) -> Iterator[Pair]:
        """Yield the pairs: for each record, every combination of its images and captions.

        A record without a usable image or caption is a pair too, and generation gives it a status that says so.

        Raises:
            PipelineError: an id or a split is invalid; none of the first 1,000 records has a usable image, a caption,
                or a column that the manifest names; or most texts are in another encoding than UTF-8.
        """
        count = 0
        for count, record in enumerate(records, start=1):
            yield from self._pairs(record)
            if count == _LOOKED_AT:
                self._check_columns(f"the first {count:,} records", record)
        if 0 < count < _LOOKED_AT:
            self._check_columns("the records", record)
        elif count and not self._notes.is_marked_utf8:
            self._watch.check()

    def _pairs(self, record: Record) -> Iterator[Pair]:
        found_image, image = self._value(record, "image")
        if not found_image:
            self._wrong.setdefault("image", record.error(f"no column with images; {self._hint(record, 'image')}"))
            self._notes.without_image += 1
        _, caption = self._value(record, "caption")
        split = self._split(record)
        if split == "":
            self._notes.passed_over["without a split"] += 1
            return
        own_id = self._as_text(record, self._value(record, "id")[1], "id").strip() if self._has_ids else ""
        id_ = own_id or record.id
        topic = self._any_text(record, self._value(record, "topic")[1], "topic").strip() or None
        images = [self._image(record, one) for one in self._list(record, image, "images")]
        captions = [self._any_text(record, one, "caption") for one in self._list(record, caption, "captions")]
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

    def _as_text(self, record: Record, value: Any, role: str) -> str:
        text = value if isinstance(value, str) else text_of(value, identifier=role in _NAMES, encoding=self._encoding)
        if text is None:
            raise record.error(
                f"expected the {role} to be text, found {type(value).__name__}; {self._hint(record, role)}"
            )
        return text if text.isascii() else self._watch.text(text, record.where)

    def _any_text(self, record: Record, value: Any, role: str) -> str:
        """Return a value as text; "" and a count if it is none, unless no record has a text."""
        try:
            text = self._as_text(record, value, role)
        except PipelineError as error:
            self._wrong.setdefault(role, error)
            location, unit, number = record.where
            self._notes.note(f"{role}s that are not text, left out", f"{location}, {unit} {number:,}")
            return ""
        self._right.add(role)
        return text

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
                return self._splits.get(record.split) or self._taken_for(record, record.split)
            self._notes.splits.add(f"{self._held_out} in 100 images assigned to val and as many to test by a hash")
            return None
        given = self._as_text(record, value, "split")
        self._notes.splits.add("splits from a column")
        if (known := self._splits.get(given)) is not None:  # fast path for the common case
            return known
        return self._taken_for(record, given) if given.strip() else ""

    def _taken_for(self, record: Record, given: str) -> str:
        split = taken_for(given, self._rename)
        if split is None:
            raise record.error(
                f"{given[:100]!r} is not a valid split name; use a word such as train, or set dataset.rename_splits "
                f"({{{given[:40]!r}: train}}, for example)"
            )
        if split != given.strip():
            self._notes.taken_for[given.strip()[:100]] = split
        if len(self._splits) < _SPELLINGS:
            self._splits[given] = split
        return self._checked(record, split)

    def _checked(self, record: Record, split: str) -> str:
        self._distinct.add(split)
        if len(self._distinct) > MOST_SPLITS:
            raise record.error(f"more than {MOST_SPLITS} different splits; {self._hint(record, 'split')}")
        return split

    def _image(self, record: Record, value: Any) -> str:
        """Return the image's path below the root; "" if there is no image (reported later in the row's status)."""
        path: Any = None
        if isinstance(value, dict):
            value, path = value.get("bytes"), value.get("path")
        if isinstance(value, bytes | bytearray | memoryview) and self._store is not None:
            self._right.add("image")
            if len(value) > LARGEST:
                self._notes.large_images += 1
                return ""
            return self._store.put(bytes(value))
        if isinstance(value, bytes) and path is None:
            raise record.error("the image is stored as bytes; remove dataset.root to read images from the files")
        text = self._any_text(record, value if isinstance(value, str) else path, "image path")
        if not text:
            return ""
        if self._store is not None and self._inside is not None:
            self._right.add("image")
            return self._copied(text, self._inside)
        if self._root is None:
            error = record.error(f"the image is a path, {text[:100]!r}; set dataset.root to its base folder")
            self._wrong.setdefault("image", error)
            self._notes.without_image += 1
        else:
            self._right.add("image")
        return self._paths.below(text)

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
        for role in _REQUIRED:
            if role in self._wrong and role not in self._right:
                raise self._wrong[role]
        for role in sorted(self._never_seen):
            named = self._given[role]
            column = f"the column {named!r}" if named is not None else "a column with captions"
            raise PipelineError(f"{last.where[0]}: none of {what} has {column}; {self._hint(last, role)}")
        if not self._notes.is_marked_utf8:
            self._watch.check()


def lookup(fields: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Look up a column by name, or a field inside nested objects by its dotted name."""
    if column in fields:
        return True, fields[column]
    first, dot, rest = column.partition(".")
    inside = fields.get(first) if dot else None
    return lookup(inside, rest) if isinstance(inside, dict) else (False, None)


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
