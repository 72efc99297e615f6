"""Reads records from CSV and TSV files."""

import csv
from collections.abc import Iterator
from itertools import zip_longest

from pipeline.errors import PipelineError
from pipeline.manifest.datasets import CsvDataset
from pipeline.readers.columns import Record
from pipeline.readers.jsonl import text_lines
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.sources import Source

LONGEST_ROW = 16 * 2**20  # characters


def read_csv(sources: list[Source], dataset: CsvDataset, notes: ReaderNotes) -> Iterator[Record]:
    """Stream the rows of the files as records. Rows with more fields than columns are skipped and counted.

    Raises:
        PipelineError: the column names are missing or not distinct, or a row is longer than 16 Mi characters (usually
            because of an unclosed quotation mark).
    """
    comma = dataset.kind == "csv"
    csv.field_size_limit(LONGEST_ROW)  # process-wide; Python's default of 128 Ki is too little for some captions
    for source in sources:
        lines = _Lines(source)
        rows = csv.reader(
            lines,
            delimiter=dataset.delimiter or ("," if comma else "\t"),
            quoting=csv.QUOTE_MINIMAL if (comma if dataset.quotes is None else dataset.quotes) else csv.QUOTE_NONE,
        )
        header = list(dataset.header) if dataset.header is not None else None
        try:
            for row in rows:
                began, lines.began, lines.held = lines.began, lines.number + 1, 0
                if not row:
                    continue
                if header is None:
                    header = row
                    _check(header, source)
                elif len(row) > len(header):
                    notes.passed_over["rows with more fields than columns"] += 1
                else:
                    fields = dict(zip_longest(header, row, fillvalue=""))
                    yield Record((source.location, "line", began), fields, split=source.split)
        except csv.Error as error:
            raise PipelineError(f"{source.location}, line {lines.began:,}: {error}") from error
        if header is None:
            raise PipelineError(f"{source.location} is empty; the first line must contain the column names")


def _check(header: list[str], source: Source) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})[:5] if len(header) <= 10_000 else ["..."]
    if twice:
        raise PipelineError(
            f"{source.location}, line 1: duplicate column names: {', '.join(map(repr, twice))}; if the "
            "first line does not contain the column names, set dataset.header"
        )


class _Lines:
    """Iterates over the lines of a file and limits the length of a row, which may span several lines."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.number = 0  # number of the last line returned
        self.began = 1  # number of the current row's first line
        self.held = 0  # characters read of the current row

    def __iter__(self) -> Iterator[str]:
        for line in text_lines(self._source):
            self.number += 1
            self.held += len(line)
            if self.held > LONGEST_ROW:
                raise PipelineError(
                    f"{self._source.location}, line {self.began:,}: this row has more than {LONGEST_ROW:,} characters; "
                    'check for an unclosed quotation mark, or set dataset.quotes: false to read " as a normal character'
                )
            if "\r" in line[:-2]:  # `csv` would treat it as a line end inside a field
                end = "\r\n" if line.endswith("\r\n") else ""
                line = line.removesuffix(end).replace("\r", "\v") + end
            yield line
