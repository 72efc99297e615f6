"""Reads records from WebDataset tars: consecutive members with the same name up to the first dot form a record."""

import json
import tarfile
import zlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.images.store import LARGEST
from pipeline.manifest.datasets import Columns
from pipeline.readers.columns import USUAL, Record, columns_to_read
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.sources import Source

LONGEST_TEXT = 2**20  # bytes of a member that is not an image
_MOST_MEMBERS = 64  # per record


def read_webdataset(sources: list[Source], columns: Columns | None, notes: ReaderNotes) -> Iterator[Record]:
    """Stream the records of the tars. A record's id is `TAR/KEY`: the tar's name without suffix, and the record's key.

    Only members that may be needed are read, or all members if `columns` is None.

    Members are read but never extracted, so their names are not used as paths. Members that are not regular files
    (links, devices) are skipped and counted.

    Raises:
        PipelineError: a file is not a tar, or is truncated.
    """
    wanted = None
    if columns is not None:
        names = columns_to_read(columns)
        wanted = names | {name.partition(".")[0] for name in names}
    for source in sources:
        members = _members(source, wanted, notes)
        for number, (key, group) in enumerate(groupby(members, lambda member: _key(member[0])[0]), start=1):
            fields: dict[str, Any] = {"__key__": key}
            for name, content in group:
                if len(fields) > _MOST_MEMBERS:
                    raise PipelineError(f"{source.location}: record {number:,} has more than {_MOST_MEMBERS} members")
                fields[_key(name)[1]] = content
            where = (source.location, "record", number)
            yield Record(where, fields, id=f"{source.name}/{key}", split=source.split)


def _key(name: str) -> tuple[str, str]:
    folder, slash, own = name.rpartition("/")
    stem, _, ending = own.partition(".")
    return f"{folder}{slash}{stem}".removeprefix("./"), ending.lower()


def _members(source: Source, wanted: set[str] | None, notes: ReaderNotes) -> Iterator[tuple[str, Any]]:
    """Yield the name and content of each member that may be needed, as parsed JSON for .json members, else as bytes."""
    count = 0
    try:
        with source.open() as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # otherwise tarfile keeps all of them
                count += 1
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    notes.passed_over["tar members that are not regular files"] += 1
                    continue
                _, ending = _key(member.name)
                if wanted is not None and ending not in wanted:
                    continue
                if member.size > (LARGEST if ending in USUAL["image"] else LONGEST_TEXT):
                    if ending in USUAL["image"]:
                        notes.large_images += 1
                    else:
                        notes.passed_over["tar members with text of more than 1 MiB"] += 1
                    yield member.name, None
                    continue
                opened = tar.extractfile(member)
                content = opened.read() if opened is not None else b""
                yield member.name, _decoded(content, notes) if ending.split(".")[-1] == "json" else content
    except (tarfile.TarError, OSError, EOFError, zlib.error, RecursionError, pa.ArrowException) as error:
        raise PipelineError(f"{source.location} cannot be read as a tar after member {count:,}: {error}") from error
    if not count:
        raise PipelineError(f"{source.location} is an empty tar")


def _decoded(content: bytes, notes: ReaderNotes) -> Any:
    try:
        return json.loads(content.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        notes.passed_over["json members that cannot be parsed"] += 1
        return None
