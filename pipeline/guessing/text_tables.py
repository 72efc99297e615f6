"""Detects the format of a text table: its encoding, separator, quoting and header."""

import csv
import io
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from pipeline.errors import PipelineError
from pipeline.guessing.names import is_image_name, role_of
from pipeline.readers.csv_rows import LONGEST_ROW, SEPARATORS
from pipeline.readers.encodings import wide_encoding
from pipeline.readers.sources import Source

_HEAD = 4 * 2**20  # bytes
_ROWS = 200


@dataclass(frozen=True)
class TextTable:
    """The format of a table.

    Attributes:
        separator: the character between fields.
        quotes: whether quotation marks enclose fields; None if there are no quotation marks.
        first: the cells of the first line.
        has_header: whether the first line names the columns.
        reasons: one line for each guess, with the reason for it.
    """

    separator: str
    quotes: bool | None
    first: list[str]
    has_header: bool
    reasons: list[str]


def read_head(source: Source) -> str:
    """Return the beginning of a text file, up to 4 MiB.

    Raises:
        PipelineError: the file is not UTF-8; the message contains a command that converts it.
    """
    with source.open() as file:
        head = file.read(_HEAD)
    if (wide := wide_encoding(head)) is not None:
        return head.decode(wide, "replace").removeprefix("\ufeff")
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) == _HEAD and error.start >= _HEAD - 3:  # the last character is cut off
            return head[: error.start].decode("utf-8-sig")
        number = head.count(b"\n", 0, error.start) + 1
        found = f"line {number:,} contains the byte 0x{head[error.start]:02X}"
        raise _not_utf8(source, found) from None


def _not_utf8(source: Source, why: str) -> PipelineError:
    stem, dot, ending = source.location.removesuffix(".gz").rpartition(".")
    convert = "iconv -f WINDOWS-1252 -t UTF-8"
    if source.location.endswith(".gz"):
        convert = f"gunzip -c {shlex.quote(source.location)} | {convert}"
    else:
        convert = f"{convert} {shlex.quote(source.location)}"
    return PipelineError(
        f"{source.location} is not UTF-8: {why}; convert it (replace WINDOWS-1252 if it was saved in another encoding) "
        "and use the new file: "
        f"{convert} > {shlex.quote(f'{stem}-utf8{dot}{ending}')}"
    )


@dataclass(frozen=True)
class _Parsed:
    separator: str
    quotes: bool | None
    rows: list[list[str]]
    sound: bool  # whether every quoted field is closed correctly

    @property
    def columns(self) -> int:
        """Return the most common number of fields in a row."""
        return Counter(map(len, self.rows)).most_common(1)[0][0] if self.rows else 0

    @property
    def share(self) -> float:
        """Return the share of rows with the most common number of fields."""
        return sum(len(row) == self.columns for row in self.rows) / max(1, len(self.rows))

    def column(self, number: int, *, start: int = 0) -> list[str]:
        return [row[number] for row in self.rows[start:] if len(row) > number]

    def rank(self) -> tuple[object, ...]:
        """Return the sort key for choosing a format; the best format has the greatest key."""
        values = [self.column(number) for number in range(self.columns)]
        wrapped = any(_most(column, _is_enclosed) or any(map(_is_escaped, column)) for column in values)
        named = any(map(role_of, self.rows[0])) if self.rows else False
        images = any(_most(column, is_image_name) for column in values)
        usual = self.quotes is None or self.quotes == (self.separator != "\t")
        return self.columns > 1, self.share >= 0.9, named or images, self.sound, not wrapped, self.share, usual


def sniff(source: Source) -> TextTable:
    """Detect the format of a table from its first 200 rows.

    Raises:
        PipelineError: the file is empty or not UTF-8, or no separator yields at least two columns.
    """
    head = read_head(source)
    if len(head.encode()) >= _HEAD - 4:
        head = head[: head.rfind("\n") + 1] or head
    found = [
        _parse(head, separator, quotes)
        for separator in SEPARATORS
        for quotes in ((True, False) if '"' in head else (None,))
    ]
    best = max(found, key=_Parsed.rank)
    if not best.rows:
        raise PipelineError(f"{source.location} is empty")
    if best.columns < 2:
        raise PipelineError(
            f"{source.location}: none of the separators {', '.join(SEPARATORS.values())} yields at least two columns; "
            f"the first line is {head.partition(chr(10))[0][:100]!r}"
        )
    fits = sum(len(row) == best.columns for row in best.rows)
    of = f"{best.columns} columns in {fits:,} of {len(best.rows):,} rows examined"
    reasons = [f"separator: {SEPARATORS[best.separator]} ({of})"]
    if best.quotes is not None:
        enclose = "enclose fields" if best.quotes else "are plain characters"
        reasons.append(f"quotes: quotation marks {enclose}")
    has_header, why = _header(best)
    reasons.append(f"header: {'line 1' if has_header else 'none'} ({why})")
    return TextTable(best.separator, best.quotes, best.rows[0], has_header, reasons)


def _parse(head: str, separator: str, quotes: bool | None) -> _Parsed:
    enclosing = quotes is True
    csv.field_size_limit(LONGEST_ROW)

    def rows(strict: bool) -> list[list[str]]:
        reader = csv.reader(
            io.StringIO(head, newline=""),
            delimiter=separator,
            quoting=csv.QUOTE_MINIMAL if enclosing else csv.QUOTE_NONE,
            strict=strict,
        )
        return list(islice(filter(None, reader), _ROWS))

    try:
        return _Parsed(separator, quotes, rows(enclosing), sound=True)
    except csv.Error:
        try:
            return _Parsed(separator, quotes, rows(False), sound=False)
        except csv.Error:
            return _Parsed(separator, quotes, [], sound=False)


def _header(table: _Parsed) -> tuple[bool, str]:
    first = table.rows[0]
    if (name := next(filter(role_of, first), None)) is not None:
        return True, f'it contains the usual name "{name[:40]}"'
    if (image := next(filter(is_image_name, first), None)) is not None:
        return False, f'the first line contains the image name "{image[:40]}"'
    for number in range(len(first)):
        if _most(table.column(number, start=1), is_image_name):
            return True, f'"{first[number][:40]}" is above image names'
    if len(set(first)) == len(first) and all(cell and len(cell) <= 40 and not cell.isdigit() for cell in first):
        return True, "its cells are short and distinct"
    return False, "the first line does not look like column names"


def _is_enclosed(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def _is_escaped(cell: str) -> bool:
    """Return whether a cell is enclosed in quotation marks and all quotation marks inside it are doubled."""
    return _is_enclosed(cell) and '""' in cell[1:-1] and '"' not in cell[1:-1].replace('""', "")


def _most(values: list[str], fits: Callable[[str], object]) -> bool:
    return 2 * sum(bool(fits(value)) for value in values) > len(values)
