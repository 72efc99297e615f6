"""Reads records from WebDataset tars: consecutive members with the same name up to the first dot form a record.

Nothing is lost where a tar departs from that: a name that comes twice begins another record, a stem with dots
(`St. Mary 2.0.jpg`) is a record of its own if it has an image and a text, and a record whose members are apart in the
tar is an error that says how to pack it.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from pipeline.errors import PipelineError
from pipeline.manifest.datasets import Columns
from pipeline.readers.columns import USUAL, Record, columns_to_read
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.sources import Source
from pipeline.readers.tar_members import Member, read_members

_MOST_MEMBERS = 64  # per record
_SEVERAL = "records with several images, of which dataset.columns.image, or the first usual name, is read"
_Fields = tuple[str, dict[str, Any]]


def read_webdataset(
    sources: list[Source], columns: Columns | None, notes: ReaderNotes, encoding: str | None = None
) -> Iterator[Record]:
    """Stream the records of the tars. A record's id is `TAR/KEY`: the tar's name without suffix, and the record's key.

    Only members that may be needed are read, or all members if `columns` is None.

    Members are read but never extracted, so their names are not used as paths. Members that are not regular files
    (links, devices) are skipped and counted.

    Raises:
        PipelineError: a file is not a tar, is truncated, or has a record whose members are apart.
    """
    wanted = None
    if columns is not None:
        names = columns_to_read(columns)
        wanted = names | {name.partition(".")[0] for name in names}
    images = {columns.image} if columns is not None and columns.image is not None else set(USUAL["image"])
    for source in sources:
        apart = _Apart(source, images)
        members = read_members(source, wanted, notes, encoding)
        number = 0
        for _, group in groupby(members, lambda member: member.stem):
            for key, fields in _records(group, notes, source, number + 1):
                number += 1
                apart.check(key, fields)
                where = (source.location, "record", number)
                if len(images & fields.keys()) > 1:
                    notes.note(_SEVERAL, f"{source.location}, record {number:,}")
                yield Record(where, {"__key__": key, **fields}, id=f"{source.name}/{key}", split=source.split)


def _records(group: Iterable[Member], notes: ReaderNotes, source: Source, number: int) -> Iterator[_Fields]:
    """Yield the keys and fields of the records in consecutive members with the same stem."""
    fields: dict[str, Any] = {}
    has_image = False
    parts: list[list[Member]] = []  # members that belong to no column, by their name up to the last dot
    key = ""
    for member in group:
        key = member.stem
        if not member.is_wanted:
            if not parts or parts[-1][0].whole_stem != member.whole_stem or _has(parts[-1], member):
                if len(parts) > _MOST_MEMBERS:
                    yield from _of_parts(parts, bool(fields), has_image, notes)
                    parts = []
                parts.append([])
            parts[-1].append(member)
            continue
        if member.ending in fields:
            notes.repeated_members += 1
            yield key, fields
            fields = {}
        fields[member.ending] = member.content
        has_image |= member.is_image
        if len(fields) > _MOST_MEMBERS:
            raise PipelineError(f"{source.location}: record {number:,} has more than {_MOST_MEMBERS} members")
    if fields:
        yield key, fields
    yield from _of_parts(parts, bool(fields), has_image, notes)


def _of_parts(parts: list[list[Member]], has_fields: bool, has_image: bool, notes: ReaderNotes) -> Iterator[_Fields]:
    """Yield those members that are records of their own, as their names have dots, and count the others.

    They are records if they are an image with a text, or an image alone in a group without any other record; but not
    where the group has an image already and their endings are words, as in `0001.seg.png` beside `0001.jpg`.
    """
    for members in parts:
        is_alone = not any(member.is_text for member in members)
        is_part = has_image and members[0].has_word
        if any(member.is_image for member in members) and not is_part and not (is_alone and has_fields):
            yield members[0].whole_stem, {member.last_ending: member.content for member in members}
        else:
            for member in members:
                notes.pass_over_member(member.ending)


def _has(members: list[Member], member: Member) -> bool:
    return any(other.last_ending == member.last_ending for other in members)


class _Apart:
    """Notices records whose image and texts are not next to each other in a tar."""

    def __init__(self, source: Source, images: set[str]) -> None:
        self._source = source
        self._images = images
        self._with_image: set[int] = set()  # hashes of the keys of incomplete records
        self._without: set[int] = set()

    def check(self, key: str, fields: dict[str, Any]) -> None:
        """Raise PipelineError if the record completes an earlier one that has the same key."""
        has_image = not self._images.isdisjoint(fields)
        if has_image and not self._images.issuperset(fields):
            return
        mine, others = (self._with_image, self._without) if has_image else (self._without, self._with_image)
        mine.add(hash(key))
        if hash(key) in others:
            raise PipelineError(
                f"{self._source.location}: the image and the text of the record {key[:100]!r} are apart in the tar, "
                "but must be next to each other: pack the files again in the order of their names, with "
                "tar --sort=name -cf NEW.tar FOLDER"
            )
