"""Reads records from JSON lines, one object per line, or from a JSON list of objects."""

import json
import shlex
from collections.abc import Iterator

from pipeline.errors import PipelineError
from pipeline.readers.columns import Record
from pipeline.readers.json_stream import items_of_array
from pipeline.readers.lines import UNREADABLE, TextSource
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.sources import Source


def read_jsonl(
    sources: list[Source], encoding: str | None = None, notes: ReaderNotes | None = None
) -> Iterator[Record]:
    """Stream the records of the files; blank lines are skipped. A file that begins with `[` is one list of objects.

    Raises:
        PipelineError: a line or element is not a JSON object (the message names file and line), or the file cannot be
            read.
    """
    for source in sources:
        text = TextSource(source, encoding, notes)
        if text.head.removeprefix(b"\xef\xbb\xbf").decode(text.encoding, "ignore").lstrip("\ufeff \t\r\n")[:1] == "[":
            if notes is not None:
                notes.remark(f"a JSON list, not JSON lines: {source.location}")
            yield from _of_list(text)
        else:
            yield from _of_lines(text)


def _of_lines(text: TextSource) -> Iterator[Record]:
    source = text.source
    for number, line in enumerate(text.lines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line, strict=False)  # tolerate tabs inside strings
        except (ValueError, RecursionError) as error:
            where = f"{source.location}, line {number:,}"
            raise PipelineError(f"{where}: expected a JSON object, but {_problem(error, line, source)}") from error
        if not isinstance(fields, dict):
            raise PipelineError(
                f"{source.location}, line {number:,}: expected a JSON object, found {type(fields).__name__}"
            )
        yield Record((source.location, "line", number), fields, split=source.split)


def _of_list(text: TextSource) -> Iterator[Record]:
    source = text.source
    number = 0
    try:
        with text.file:
            for number, fields in enumerate(items_of_array(text.text(), source.location), start=1):
                if not isinstance(fields, dict):
                    raise PipelineError(
                        f"{source.location}, element {number:,} of the JSON list: expected a JSON object, found "
                        f"{type(fields).__name__}"
                    )
                yield Record((source.location, "element", number), fields, split=source.split)
    except UNREADABLE as error:
        raise PipelineError(f"{source.location} cannot be read after element {number:,}: {error}") from error


def _problem(error: Exception, line: str, source: Source) -> str:
    """Return why a line is no JSON object; an object over many lines is named, with the command that converts it."""
    if not isinstance(error, json.JSONDecodeError):
        return f"parsing failed: {error}"
    if line.lstrip()[:1] == "{" and error.pos >= len(line.rstrip()):
        file = shlex.quote(source.location)
        return (
            "the line ends before the object does: JSON lines have one object in each line. If the object is over many "
            f"lines, convert the file: jq -c . {file} > {shlex.quote(f'{source.name}-lines.jsonl')}; if it holds the "
            f"records in a list, such as `annotations`: jq -c '.annotations[]' {file}"
        )
    if line.lstrip()[:2] in ("{'", "{\\"):
        return "it is written as Python writes a dict; write the lines with json.dumps"
    return f"parsing failed at character {error.pos + 1:,} of the line: {error.msg}"
