"""Records from JSON lines: one object a line."""

import json
from collections.abc import Iterator

from pipeline.errors import PipelineError
from pipeline.readers.columns import Record
from pipeline.readers.sources import Source
from pipeline.readers.text_lines import text_lines


def read_jsonl(sources: list[Source]) -> Iterator[Record]:
    """Stream the records of the files; blank lines are skipped.

    Raises:
        PipelineError: a line is no JSON object (the message names file and line), or the file cannot be read.
    """
    for source in sources:
        for number, line in enumerate(text_lines(source), start=1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line, strict=False)  # a tab within a text is no reason to stop
            except (ValueError, RecursionError) as error:
                raise PipelineError(f"{source.location}, line {number:,}: not a pair: {error}") from error
            if not isinstance(fields, dict):
                found = type(fields).__name__
                raise PipelineError(
                    f"{source.location}, line {number:,}: not a pair: an object is expected, not {found}"
                )
            yield Record((source.location, "line", number), fields, split=source.split)
