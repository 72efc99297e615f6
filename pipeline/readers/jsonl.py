"""Pairs from a JSON-lines file: id, split, image, caption and perhaps topic."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import PipelineError
from pipeline.pair import Pair


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(min_length=1)
    split: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    image: str = Field(min_length=1)
    caption: str | None = None  # a missing caption becomes a row with a status, as an empty one does
    topic: str | None = None


def read_jsonl(path: Path) -> Iterator[Pair]:
    """Stream the pairs of a file; blank lines are skipped.

    Raises:
        PipelineError: no such file, or a line is not a record (the message names file and line).
    """
    if not path.is_file():
        raise PipelineError(f"no file of pairs at {path}")
    return _stream(path)


def _stream(path: Path) -> Iterator[Pair]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = _Record.model_validate(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise PipelineError(f"{path}, line {number}: not a pair: {_reason(error)}") from error
            yield Pair(
                _encodable(record.id),
                record.split,
                _encodable(record.image),
                _encodable(record.caption or ""),
                record.topic and _encodable(record.topic),
            )


def _encodable(text: str) -> str:
    """JSON can spell half a surrogate pair, which no UTF-8 file can hold: it becomes U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors())
    return str(error)
