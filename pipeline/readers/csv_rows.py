"""Reads records from CSV and TSV files."""

import csv
import re
import shlex
from collections.abc import Iterator
from itertools import chain, zip_longest

from pipeline.errors import PipelineError
from pipeline.manifest.datasets import CsvDataset
from pipeline.readers.columns import Record, columns_to_read
from pipeline.readers.lines import TextSource
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.sources import Source

LONGEST_ROW = 16 * 2**20  # characters
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BACKSLASH = 'lines with \\" (CSV doubles a quotation mark inside quotation marks; with a backslash, texts break there)'
_EXCEL = re.compile(r"sep=([,;|\t])\r?\n?")  # the first line that Excel understands


def read_csv(sources: list[Source], dataset: CsvDataset, notes: ReaderNotes) -> Iterator[Record]:
    """Stream the rows of the files as records. Rows with more fields than columns are skipped and counted.

    Raises:
        PipelineError: the column names are missing or not distinct, or a row is longer than 16 Mi characters (usually
            because of an unclosed quotation mark).
    """
    comma = dataset.kind == "csv"
    wanted = {name.partition(".")[0].casefold() for name in columns_to_read(dataset.columns)}
    csv.field_size_limit(LONGEST_ROW)  # process-wide; Python's default of 128 Ki is too little for some captions
    for source in sources:
        text = TextSource(source, dataset.encoding, notes)
        if b"\r" in text.head and b"\n" not in text.head:
            text.file.close()
            raise PipelineError(
                f"{source.location}, line 1: the lines end in carriage returns alone, as on old Macs; convert the "
                f"file: tr '\\r' '\\n' < {shlex.quote(source.location)} > {shlex.quote(f'{source.name}-lines.csv')}"
            )
        lines = _Lines(text)
        delimiter = dataset.delimiter or ("," if comma else "\t")
        first = lines.first()
        if dataset.delimiter is None and (other := _separator(first, delimiter, wanted)) is not None:
            delimiter = other
            notes.remark(f"separator: {SEPARATORS[other]}, in {source.location}")
        has_quotes = comma if dataset.quotes is None else dataset.quotes
        if has_quotes:
            lines.notes = notes
        rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE)
        header = list(dataset.header) if dataset.header is not None else None
        try:
            for row in rows:
                began, lines.began, lines.held = lines.began, lines.number + 1, 0
                if not row:
                    continue
                if header is None:
                    header = row
                    _check(header, source, delimiter)
                elif len(row) > len(header):
                    notes.passed_over["rows with more fields than columns"] += 1
                else:
                    fields = dict(zip_longest(header, row, fillvalue=""))
                    yield Record((source.location, "line", began), fields, split=source.split)
        except csv.Error as error:
            raise PipelineError(f"{source.location}, line {lines.began:,}: {error}") from error
        if header is None:
            raise PipelineError(f"{source.location} is empty; the first line must contain the column names")


def _separator(line: str, usual: str, wanted: set[str]) -> str | None:
    """Return the separator of a file whose first line has no wanted column with the usual one, if another gives one."""
    if (excel := _EXCEL.fullmatch(line)) is not None:
        return excel[1]
    if len(line) > LONGEST_ROW or _named(line, usual, wanted):
        return None
    found = {separator: _named(line, separator, wanted) for separator in SEPARATORS if separator != usual}
    best = max(found, key=found.__getitem__)
    return best if found[best] else None


def _named(line: str, separator: str, wanted: set[str]) -> int:
    """Return how many of the columns in a first line are wanted; 0 if it has but one column."""
    cells = line.strip().split(separator)
    return len(cells) > 1 and sum(cell.strip(' "').casefold() in wanted for cell in cells)


def _check(header: list[str], source: Source, delimiter: str) -> None:
    if len(header) == 1 and (others := [name for mark, name in SEPARATORS.items() if mark in header[0]]):
        raise PipelineError(
            f"{source.location}, line 1: one column, {header[0][:100]!r}, with the delimiter {delimiter!r}; set "
            f"dataset.delimiter to the right one; the line contains {' and '.join(others)}"
        )
    twice = sorted({name for name in header if header.count(name) > 1})[:5] if len(header) <= 10_000 else ["..."]
    if twice:
        raise PipelineError(
            f"{source.location}, line 1: duplicate column names: {', '.join(map(repr, twice))}; if the "
            "first line does not contain the column names, set dataset.header"
        )


class _Lines:
    """Iterates over the lines of a file and limits the length of a row, which may span several lines."""

    def __init__(self, text: TextSource) -> None:
        self._location = text.source.location
        self._lines: Iterator[str] = text.lines()
        self.number = 0  # number of the last line returned
        self.began = 1  # number of the current row's first line
        self.held = 0  # characters read of the current row
        self.notes: ReaderNotes | None = None  # of backslashes, if quotation marks have a meaning

    def first(self) -> str:
        """Return the first line; it will be the first of the iteration too, unless it is Excel's `sep=;`."""
        line = next(self._lines, "")
        if _EXCEL.fullmatch(line) is None:
            self._lines = chain([line] if line else [], self._lines)
        else:
            self.number, self.began = 1, 2
        return line

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            self.held += len(line)
            if self.held > LONGEST_ROW:
                raise PipelineError(
                    f"{self._location}, line {self.began:,}: this row has more than {LONGEST_ROW:,} characters; "
                    'check for an unclosed quotation mark, or set dataset.quotes: false to read " as a normal character'
                )
            if '\\"' in line and self.notes is not None:
                self.notes.note(_BACKSLASH, f"{self._location}, line {self.number:,}")
            if "\r" in line[:-2]:  # `csv` would treat it as a line end inside a field
                end = "\r\n" if line.endswith("\r\n") else ""
                line = line.removesuffix(end).replace("\r", "\v") + end
            yield line
