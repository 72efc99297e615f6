"""Reads the members of WebDataset tars, without extracting them."""

import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.images.store import LARGEST
from pipeline.readers.encodings import decoded
from pipeline.readers.names import is_image_name, is_left_behind
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.sources import Source
from pipeline.readers.tar_bounds import BoundedInfo, EndingFile

LONGEST_TEXT = 2**20  # bytes of a member that is not an image
# What tarfile raises for headers that it does not expect, besides its own errors.
_DAMAGE = (OSError, EOFError, zlib.error, RecursionError, ValueError, LookupError, OverflowError, pa.ArrowException)
_WORDS = re.compile(r"[a-z_][a-z0-9_-]*(\.[a-z_][a-z0-9_-]*)*")
_TEXTS = ("txt", "json", "caption", "cap", "text")


@dataclass(slots=True)
class Member:
    """A member of a tar.

    Attributes:
        stem: its path up to the first dot of the file name: the key of WebDataset's records.
        ending: what follows that dot, in lower case.
        whole_stem: its path up to the last dot, in case the stem itself has dots; `last_ending` follows that.
        is_wanted: whether `ending` is one that a column is read from.
        content: bytes, or parsed JSON; None if it is too large or cannot be parsed.
    """

    stem: str
    ending: str
    whole_stem: str
    last_ending: str
    is_wanted: bool
    content: Any

    @property
    def has_word(self) -> bool:
        """Return whether the endings are plain words, as in `0001.seg.png`, so that they may name one of its parts."""
        return _WORDS.fullmatch(self.ending) is not None

    @property
    def is_image(self) -> bool:
        """Return whether the last ending is that of an image file."""
        return is_image_name(f".{self.last_ending}")

    @property
    def is_text(self) -> bool:
        """Return whether the last ending is a usual one for captions or other fields of a record."""
        return self.last_ending in _TEXTS


def member_of(name: str, wanted: set[str] | None) -> Member:
    """Return a member without its content; `wanted` are the endings that columns are read from, None for words."""
    folder, slash, own = name.rpartition("/")
    prefix = f"{folder}{slash}"
    stem, _, ending = own.partition(".")
    whole, _, last = own.rpartition(".")
    ending = ending.lower()
    return Member(
        f"{prefix}{stem}".removeprefix("./"),
        ending,
        f"{prefix}{whole}".removeprefix("./"),
        last.lower(),
        ending in wanted if wanted is not None else _WORDS.fullmatch(ending) is not None,
        None,
    )


def read_members(source: Source, wanted: set[str] | None, notes: ReaderNotes, encoding: str | None) -> Iterator[Member]:
    """Yield the members that may be needed; other ones are passed over and counted.

    Raises:
        PipelineError: the file is not a tar, or is truncated.
    """
    count = 0
    try:
        with (
            source.open() as file,
            tarfile.open(fileobj=cast(BinaryIO, EndingFile(file)), mode="r|", tarinfo=BoundedInfo) as tar,
        ):
            for info in tar:
                tar.members = []  # type: ignore[attr-defined]  # otherwise tarfile keeps all of them
                count += 1
                if info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    notes.passed_over["tar members that are not regular files"] += 1
                    continue
                if _is_left_behind(info.name):
                    notes.passed_over["tar members that systems leave behind, such as ._0001.jpg"] += 1
                    continue
                member = member_of(info.name, wanted)
                if not member.is_wanted and not (member.is_image or member.is_text):
                    notes.pass_over_member(member.last_ending)
                    continue
                limit = LARGEST if member.is_image else LONGEST_TEXT
                if info.size > limit:
                    if member.is_image:
                        notes.large_images += 1
                    else:
                        notes.passed_over["tar members with text of more than 1 MiB"] += 1
                    yield member
                    continue
                opened = tar.extractfile(info)
                member.content = opened.read() if opened is not None else b""
                if member.last_ending == "json":
                    member.content = _parsed(member.content, notes, encoding)
                yield member
    except PipelineError:
        raise
    except (tarfile.TarError, *_DAMAGE) as error:
        raise PipelineError(f"{source.location} cannot be read as a tar after member {count:,}: {error}") from error
    if not count:
        raise PipelineError(f"{source.location} is an empty tar")


def _is_left_behind(name: str) -> bool:
    parts = name.split("/")
    return parts[-1].startswith(".") or any(map(is_left_behind, parts))


def _parsed(content: bytes, notes: ReaderNotes, encoding: str | None) -> Any:
    try:
        return json.loads(decoded(content, encoding))
    except (ValueError, RecursionError):
        notes.passed_over["json members that cannot be parsed"] += 1
        return None
