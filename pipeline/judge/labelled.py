"""Judges the lines of a file, to try rules and thresholds and to compare them with statuses given by people."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from entityclip.contract.settings_errors import explain
from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.rules import Judge
from pipeline.manifest.generation import Judging

_FORM = '{"caption": "...", "raw": "...", "finish_reason": "stop"}, with "status" to compare'


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """A judged line.

    Attributes:
        line: its number in the file, from 1.
        status, explanation: the judgement; the explanation is "" if there is none.
        expected: the line's own `status`, and its `explanation` if it has one; empty if it has no `status`.
    """

    line: int
    caption: str
    status: str
    explanation: str
    expected: dict[str, str]

    @property
    def differs(self) -> bool:
        """True if the line has a status of its own, and this or the explanation differs."""
        return any(getattr(self, key) != value for key, value in self.expected.items())

    def as_plain(self) -> dict[str, Any]:
        """Return what is printed for the line."""
        found = {"line": self.line, "status": self.status, "explanation": self.explanation, "caption": self.caption}
        return found | ({"expected": self.expected} if self.differs else {})


def judge_lines(path: Path, settings: Judging, folder: Path) -> Iterator[JudgedLine]:
    """Yield the judgement of each line of a JSON-lines file.

    A line has `caption`, `raw` (the text as generated; `raw_text` is taken too), and may have `finish_reason` (default:
    stop), `language` (instead of that of `settings`), `status` and `explanation`.

    Args:
        folder: where a CLIP tokenizer given as a relative path is looked for.

    Raises:
        PipelineError: the file cannot be read, or a line is not of this form.
    """
    judge = Judge(settings, token_counter(settings.clip_tokenizer, folder))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read as UTF-8 text: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _judged(number, _read(path, number, line), judge, f"{path}, line {number}")


def _judged(number: int, row: dict[str, Any], judge: Judge, where: str) -> JudgedLine:
    if "language" in row:
        judge = Judge(with_changes(judge.settings, {"language": row["language"]}, where), judge.count_tokens)
    found = judge.judge(
        row["caption"], row["raw"] if "raw" in row else row["raw_text"], row.get("finish_reason", "stop")
    )
    has_text = found.status not in (Status.EMPTY, Status.REFUSED)  # no text is kept for these
    expected = {key: row[key] for key in ("status", "explanation") if "status" in row and row.get(key) is not None}
    if not has_text and expected.get("status") == found.status:
        expected.pop("explanation", None)
    return JudgedLine(number, row["caption"], found.status.value, found.explanation or "", expected)


def _read(path: Path, number: int, line: str) -> dict[str, Any]:
    where = f"{path}, line {number}"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{where}: not JSON ({error}); each line must be {_FORM}") from error
    if not isinstance(row, dict):
        raise PipelineError(f"{where}: a JSON {type(row).__name__}, not an object; each line must be {_FORM}")
    raw_key = "raw_text" if "raw_text" in row and "raw" not in row else "raw"
    for key in ("caption", raw_key):
        if not isinstance(row.get(key), str):
            raise PipelineError(f"{where}: {key!r} is missing or no text; each line must be {_FORM}")
    for key in ("status", "explanation", "finish_reason"):
        if row.get(key) is not None and not isinstance(row[key], str):
            raise PipelineError(f"{where}: {key!r} is no text; each line must be {_FORM}")
    if row.get("status") is not None and row["status"] not in list(Status):
        raise PipelineError(f"{where}: {row['status']!r} is no status; there are {', '.join(Status)}")
    if row.get("status") is None:
        row.pop("status", None)
    return row


def with_changes(settings: Judging, changes: dict[str, Any], where: str) -> Judging:
    """Return the settings with some values changed.

    Raises:
        PipelineError: a name or value is wrong; the message begins with `where`.
    """
    try:
        return Judging.model_validate(settings.model_dump() | changes)
    except ValidationError as error:
        wrong = "; ".join(f"{key}: {message}" for key, message in explain(error, Judging, show_values=True))
        raise PipelineError(f"{where}: {wrong}") from error
