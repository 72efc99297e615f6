"""What the readers of published datasets share: finding the files, checking records, keeping ids apart."""

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
    """One record of a published file: only the fields that matter, numbers allowed as ids."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True)
class Layout:
    """A set of files in which a dataset is published; `files` by split, or by what they are."""

    name: str
    files: dict[str, Path]


def find_layout(dataset: str, layouts: Iterable[Layout]) -> Layout:
    """The first layout of which a file is there.

    Raises:
        PipelineError: none is there, or only some of its files; the message names them all.
    """
    tried = []
    for layout in layouts:
        missing = [path for path in layout.files.values() if not path.is_file()]
        if not missing:
            return layout
        if len(missing) < len(layout.files):
            names = ", ".join(map(str, missing))
            raise PipelineError(f"{dataset}: {layout.name} is not complete; missing: {names}")
        tried.append(f"  {layout.name}: {', '.join(map(str, missing))}")
    raise PipelineError(
        f"{dataset}: none of the files that it is published in; looked for\n" + "\n".join(tried) + "\n"
        "set dataset.root in the manifest to the folder that holds them"
    )


def records_of(path: Path, kind: type[AnyRecord]) -> Iterator[AnyRecord]:
    """The records of a JSON list.

    Raises:
        PipelineError: the file is not a JSON list, or a record is not what it should be.
    """
    for number, content in enumerate(array_items(path)):
        yield record_of(kind, content, f"{path}, record {number}")


def record_of(kind: type[AnyRecord], content: Any, where: str) -> AnyRecord:
    """A record, checked.

    Raises:
        PipelineError: a field is missing or of a wrong type.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors())
        raise PipelineError(f"{where}: {wrong}") from error


def encodable(text: str) -> str:
    """JSON can spell half a surrogate pair, which no UTF-8 file can hold: it becomes U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


class PairMaker:
    """Makes pairs of records: the caption cleaned, and the id its own within the split."""

    def __init__(self, notes: ReaderNotes) -> None:
        self._notes = notes
        self._seen: set[int] = set()
        self._repeats: Counter[tuple[str, str]] = Counter()

    def pair(self, id_: str, split: str, image: str, caption: str | None, topic: str | None = None) -> Pair:
        """A pair; where its id occurred before in the split, `#2`, `#3`, ... in the file's order is added to it."""
        id_ = self._sound(encodable(id_))
        identity = hash((split, id_))
        if identity in self._seen:
            self._repeats[split, id_] += 1
            self._notes.renamed += 1
            id_ = f"{id_}#{self._repeats[split, id_] + 1}"
        self._seen.add(identity)
        return self.pair_as_it_is(id_, split, image, caption, topic)

    def pair_as_it_is(self, id_: str, split: str, image: str, caption: str | None, topic: str | None = None) -> Pair:
        """A pair with this very id, which no other may have: whoever plans the pairs refuses another.

        Only in place of one with control characters, or of more than 512, stands a hash of it.
        """
        topic = encodable(topic) if topic else None
        return Pair(self._sound(encodable(id_)), split, encodable(image), self._notes.clean(caption), topic)

    def _sound(self, id_: str) -> str:
        if id_.isprintable() and len(id_) <= LONGEST_ID:
            return id_
        self._notes.hashed_ids += 1
        return hashlib.blake2b(id_.encode(), digest_size=10).hexdigest()
