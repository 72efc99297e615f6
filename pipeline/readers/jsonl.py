"""Reads records from JSON lines: one object per line."""

import codecs
import json
import zlib
from collections.abc import Iterator

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.readers.columns import Record
from pipeline.readers.sources import Source

LONGEST_LINE = 16 * 2**20  # bytes


def text_lines(source: Source) -> Iterator[str]:
    """Yield the lines including their newlines; bytes that are not UTF-8 become lone surrogates (`surrogateescape`).

    Raises:
        PipelineError: the file cannot be read or is encoded as UTF-16, or a line is longer than 16 MiB.
    """
    with source.open() as file:
        number = 0
        while True:
            try:
                line = file.readline(LONGEST_LINE + 1)
            except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
                raise PipelineError(f"{source.location} cannot be read at line {number + 1:,}: {error}") from error
            if not line:
                return
            number += 1
            if len(line) > LONGEST_LINE:
                raise PipelineError(f"{source.location}, line {number:,}: the line is over {LONGEST_LINE:,} bytes long")
            if number == 1:
                if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise PipelineError(f"{source.location} is encoded as UTF-16; save it as UTF-8")
                line = line.removeprefix(codecs.BOM_UTF8)
            yield line.decode("utf-8", "surrogateescape")


def read_jsonl(sources: list[Source]) -> Iterator[Record]:
    """Stream the records of the files; blank lines are skipped.

    Raises:
        PipelineError: a line is not a JSON object (the message names file and line), or the file cannot be read.
    """
    for source in sources:
        for number, line in enumerate(text_lines(source), start=1):
            if not line.strip():
                continue
            where = f"{source.location}, line {number:,}"
            try:
                fields = json.loads(line, strict=False)  # tolerate tabs inside strings
            except (ValueError, RecursionError) as error:
                raise PipelineError(f"{where}: expected a JSON object, but parsing failed: {error}") from error
            if not isinstance(fields, dict):
                raise PipelineError(f"{where}: expected a JSON object, found {type(fields).__name__}")
            yield Record((source.location, "line", number), fields, split=source.split)
