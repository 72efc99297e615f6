"""Code shared by the readers of published datasets: finding files, reading records, making ids unique.

A record that is not as published costs at most its own pairs: what it lacks is missing in its pair, and counted.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.pair import Pair
from pipeline.readers.encodings import visible_damage
from pipeline.readers.json_stream import array_items
from pipeline.readers.json_texts import MISSING, text_of, whole_number
from pipeline.readers.names import image_ending
from pipeline.readers.notes import ReaderNotes

LONGEST_ID = 512
_LOOKED_AT = 1_000  # each field that a dataset needs must occur in at least one of its first 1,000 records
_MOST_FOLDERS = 1_000  # that are searched for files which are not where they should be


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a published file, whose fields are read as texts. What is no text is noted.

    Attributes:
        content: the fields by name.
        file: path of the file.
        name: kind and name of the record, such as "record 12", for messages.
    """

    content: Mapping[str, Any]
    file: Path
    name: str
    notes: ReaderNotes

    def text(self, field: str) -> str:
        """Return a field as one text; "" if it is missing or is no text."""
        return self._one(field, self.content.get(field))

    def id(self, field: str) -> str:
        """Return an id as text, without white space around it; "" if it is missing."""
        return whole_number(self.text(field).strip())

    def joined(self, field: str, separator: str) -> str:
        """Return a field as text; the texts of a list are joined."""
        return self.joined_value(field, self.content.get(field), separator)

    def joined_value(self, field: str, value: Any, separator: str) -> str:
        """Return a value of the field as text; the texts of a list are joined."""
        if not isinstance(value, list):
            return self._one(field, value)
        self.notes.note(f"{field} as a list, joined", self.where)
        return separator.join(text for one in value if (text := self._one(field, one)))

    @property
    def where(self) -> str:
        """File and number of the record, for messages."""
        return f"{self.file}, {self.name}"

    def _one(self, field: str, value: Any) -> str:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        text = text_of(value)
        if text is None:
            self.notes.note(f"{field} that is {_kind(value)}, read as missing", self.where)
            return ""
        if text in MISSING:
            self.notes.note(f"{field} that is a missing value written as text, read as missing", self.where)
            return ""
        return text


@dataclass(frozen=True)
class Layout:
    """A set of files that a dataset is published as; the keys of `files` are splits or kinds of content."""

    name: str
    files: dict[str, Path]


def find_layout(dataset: str, root: Path, layouts: Iterable[Layout], notes: ReaderNotes) -> Layout:
    """Return the first layout whose files all exist, and record its name in `notes`.

    Raises:
        PipelineError: no layout is complete; the message names the missing files, and a folder next to or below `root`
            that has them.
    """
    layouts = list(layouts)
    tried = []
    for layout in layouts:
        missing = [path for path in layout.files.values() if not path.is_file()]
        if not missing:
            notes.layout = layout.name
            return layout
        if len(missing) < len(layout.files):
            names = ", ".join(map(str, missing))
            raise PipelineError(f"{dataset}: {layout.name} is incomplete; missing: {names}")
        tried.append(f"  {layout.name}: {', '.join(map(str, missing))}")
    elsewhere = _folder_with(layouts, root)
    raise PipelineError(
        f"no published files of {dataset} were found; looked for:\n" + "\n".join(tried) + "\n"
        f"set dataset.root in the manifest to {elsewhere or 'the folder that contains them'}"
        + (", where they are" if elsewhere else "")
    )


def records_of(files: Mapping[str, Path], needed: Iterable[str], notes: ReaderNotes) -> Iterator[tuple[str, Record]]:
    """Stream the records of JSON lists, each with its file's key in `files`. Items that are no objects are counted.

    Raises:
        PipelineError: a file contains no list, or no record has one of the `needed` fields.
    """
    expected = ExpectedFields(needed, notes)
    for key, path in files.items():
        for number, content in enumerate(array_items(path)):
            record = expected.record(content, path, f"record {number}")
            if record is not None:
                yield key, record
    expected.finish()


class ExpectedFields:
    """Builds records, and raises an error if none of them has a field that the dataset cannot do without."""

    def __init__(self, needed: Iterable[str], notes: ReaderNotes) -> None:
        self._never_seen = set(needed)
        self._notes = notes
        self._count = 0
        self._file = Path()
        self._names: list[str] = []

    def record(self, content: Any, file: Path, name: str) -> Record | None:
        """Return the record; None if the content is not an object, which is counted.

        Raises:
            PipelineError: this is the 1,000th record, and none had one of the needed fields.
        """
        if self._never_seen:
            self._count += 1
            self._file = file
            if isinstance(content, dict):
                self._never_seen -= content.keys()
                self._names = [str(field)[:60] for field in list(content)[:20]]
            if self._count == _LOOKED_AT:
                self.finish()
        if not isinstance(content, dict):
            self._notes.skip(f"records that are {_kind(content)} instead of an object", f"{file}, {name}")
            return None
        return Record(content, file, name, self._notes)

    def finish(self) -> None:
        """Check the fields after the last record. Raises PipelineError if none had one of the needed fields."""
        if self._count and self._never_seen:
            raise PipelineError(
                f"{self._file}: none of the first {self._count:,} records has {', '.join(sorted(self._never_seen))}; "
                f"their fields are {', '.join(self._names) or 'none'}. Is this a file of another dataset?"
            )


def flat_image(reference: str) -> tuple[str, str]:
    """Return the id and the file of an image in a release whose images are all in one folder.

    Args:
        reference: `a_0`, `a_0.jpg` or `images/a_0.jpg`; the default ending is `.jpg`. For "" both are "".
    """
    name = reference.replace("\\", "/").rpartition("/")[2].strip()
    if ending := image_ending(name):
        return name.removesuffix(ending), name
    return name, f"{name}.jpg" if name else ""


def encodable(text: str) -> str:
    """Replace lone surrogates, which JSON can express but UTF-8 cannot encode, with U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


class PairMaker:
    """Builds pairs with cleaned captions and ids that are unique within a split."""

    def __init__(self, notes: ReaderNotes, *, has_html: bool = False) -> None:
        """Set up the maker. With `has_html`, HTML tags are removed from captions."""
        self._notes = notes
        self._has_html = has_html
        self._seen: set[int] = set()
        self._repeats: Counter[tuple[str, str]] = Counter()

    def pair(self, id_: str, split: str, image: str, caption: str | None, topic: str | None = None) -> Pair:
        """Build a pair; repeated ids within a split get the suffixes `#2`, `#3`, ... in file order."""
        own_id = id_ = self._sound(encodable(visible_damage(id_)))
        while (identity := hash((split, id_))) in self._seen:
            self._repeats[split, own_id] += 1
            id_ = f"{own_id}#{self._repeats[split, own_id] + 1}"
        self._seen.add(identity)
        self._notes.renamed += id_ != own_id
        return self.pair_as_it_is(id_, split, image, caption, topic)

    def pair_as_it_is(self, id_: str, split: str, image: str, caption: str | None, topic: str | None = None) -> Pair:
        """Build a pair without making its id unique; planning rejects repeated ids.

        An id with control characters, or longer than 512 characters, is replaced by its hash.
        """
        topic = encodable(topic) if topic else None
        cleaned = self._notes.clean(caption, has_html=self._has_html)
        return Pair(self._sound(encodable(visible_damage(id_))), split, encodable(image), cleaned, topic)

    def _sound(self, id_: str) -> str:
        if id_.isprintable() and len(id_) <= LONGEST_ID:
            return id_
        self._notes.hashed_ids += 1
        return hashlib.blake2b(id_.encode(), digest_size=10).hexdigest()


def made_up_id(record: Record, *texts: str) -> str:
    """Return an id for a record that has none: a hash of its texts. It is noted."""
    record.notes.note("records without an id, named by a hash", record.where)
    return hashlib.blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _folder_with(layouts: Iterable[Layout], root: Path) -> Path | None:
    """Return a folder above or directly below `root` that has all files of a layout, for the error message."""
    try:
        below = [path for _, path in zip(range(_MOST_FOLDERS), sorted(root.iterdir()), strict=False)]
    except OSError:
        below = []
    relative = [[path.relative_to(root) for path in layout.files.values()] for layout in layouts]
    for folder in (root.parent, *below):
        if any(all((folder / name).is_file() for name in names) for names in relative):
            return folder
    return None


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list of several values"
    return "null" if value is None else "a truth value" if isinstance(value, bool) else f"a {type(value).__name__}"
