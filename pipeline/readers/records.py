"""Code shared by the readers of published datasets: finding files, validating records, making ids unique."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import PipelineError
from pipeline.pair import Pair
from pipeline.readers.json_stream import array_items
from pipeline.readers.notes import ReaderNotes

LONGEST_ID = 512


class Record(BaseModel):
    """A record of a published file, with only the fields that are used; numbers are accepted as ids."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True)
class Layout:
    """A set of files that a dataset is published as; the keys of `files` are splits or kinds of content."""

    name: str
    files: dict[str, Path]


def find_layout(dataset: str, layouts: Iterable[Layout], notes: ReaderNotes) -> Layout:
    """Return the first layout whose files all exist, and record its name in `notes`.

    Raises:
        PipelineError: no layout is complete; the message names the missing files.
    """
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
    raise PipelineError(
        f"no published files of {dataset} were found; looked for:\n" + "\n".join(tried) + "\n"
        "set dataset.root in the manifest to the folder that contains them"
    )


def records_of(path: Path, kind: type[AnyRecord]) -> Iterator[AnyRecord]:
    """Stream the records of a JSON list. Raises PipelineError if the file contains no list or a record is invalid."""
    for number, content in enumerate(array_items(path)):
        yield record_of(kind, content, f"{path}, record {number}")


def record_of(kind: type[AnyRecord], content: Any, where: str) -> AnyRecord:
    """Validate a record. Raises PipelineError if a field is missing or has the wrong type."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors())
        raise PipelineError(f"{where}: {wrong}") from error


def encodable(text: str) -> str:
    """Replace lone surrogates, which JSON can express but UTF-8 cannot encode, with U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


class PairMaker:
    """Builds pairs with cleaned captions and ids that are unique within a split."""

    def __init__(self, notes: ReaderNotes) -> None:
        self._notes = notes
        self._seen: set[int] = set()
        self._repeats: Counter[tuple[str, str]] = Counter()

    def pair(self, id_: str, split: str, image: str, caption: str | None, topic: str | None = None) -> Pair:
        """Build a pair; repeated ids within a split get the suffixes `#2`, `#3`, ... in file order."""
        own_id = id_ = self._sound(encodable(id_))
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
        return Pair(self._sound(encodable(id_)), split, encodable(image), self._notes.clean(caption), topic)

    def _sound(self, id_: str) -> str:
        if id_.isprintable() and len(id_) <= LONGEST_ID:
            return id_
        self._notes.hashed_ids += 1
        return hashlib.blake2b(id_.encode(), digest_size=10).hexdigest()
