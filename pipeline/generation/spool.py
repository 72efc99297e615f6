"""The spool: the answers of an unfinished bucket as JSON lines, so that a crash loses only seconds of work.

The file `_spool/bucket-00012.jsonl` holds, for every run that wrote to it, a line that describes the engine, then the
completions in order of arrival. A partial last line, left by a killed process, is removed. Other damage costs only the
lines that it hits: `mended_spool` keeps the others. The file is deleted once its answers are in the shards.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from entityclip.contract.atomic_files import moved_aside, written_whole
from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import is_plain_text, parse_object
from pipeline.engines.base import Completion
from pipeline.engines.storable import storable
from pipeline.errors import PipelineError
from pipeline.files.storage import ASIDE

_FIELDS = [field.name for field in fields(Completion)]  # asdict would copy every value
_SECONDS_BETWEEN_SYNCS = 1.0
_COMPLETION = TypeAdapter(Completion)
_MOST_TOKENS = 2**31 - 1  # what a shard can hold


@dataclass
class Session:
    """One run's part of a spool: its metadata and its answers."""

    about: dict[str, Any]
    completions: list[Completion] = field(default_factory=list)


class Spool:
    """An append-only file. Killing the process loses no answers; a power failure loses those from the last second."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._about = about

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b")
        self._file.seek(0)
        self._file.truncate(self._file.read().rfind(b"\n") + 1)  # drop a partial last line
        self._write({"session": self._about})
        self._synced = time.monotonic()
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def append(self, completion: Completion) -> None:
        """Append an answer to the file."""
        self._write({name: getattr(completion, name) for name in _FIELDS})
        if time.monotonic() - self._synced >= _SECONDS_BETWEEN_SYNCS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()


def read_spool(path: Path) -> list[Session]:
    """Return a spool's sessions, without a partial last line and damaged lines; empty if there is no file."""
    return _sound(path)[0]


def mended_spool(path: Path, say: Callable[[str], None]) -> list[Session]:
    """Return a spool's sessions like `read_spool`; a damaged spool is copied to `_damaged`, and keeps its sound lines.

    The caller must hold the writer lock. `say` gets a line about the damage.

    Raises:
        PipelineError: something else than a file is in the spool's place, and cannot be moved.
    """
    aside = path.parent.parent / ASIDE / path.parent.name
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            say(
                f"{path} is not a file; it was moved to {moved_aside(path, aside)}, and its answers are asked for again"
            )
            return []
        sessions, lines, bad = _sound(path)
        if bad:
            kept = moved_aside(path, aside, copy=True)
            with written_whole(path) as temporary:
                temporary.write_bytes(b"".join(line + b"\n" for line in lines))
            answers = sum(len(session.completions) for session in sessions)
            say(
                f"{path}: {bad:,} lines are damaged; {answers:,} answers are kept, the others are asked for again, and "
                f"the damaged file was copied to {kept}"
            )
    except OSError as error:
        raise PipelineError(f"{path} cannot be read or mended ({error}); move it away and run again") from error
    return sessions


def _sound(path: Path) -> tuple[list[Session], list[bytes], int]:
    """Return the sessions of a spool, its sound lines, and the number of damaged ones."""
    if not path.is_file():
        return [], [], 0
    sessions: list[Session] = []
    lines: list[bytes] = []
    bad = 0
    for line in path.read_bytes().split(b"\n")[:-1]:  # the last piece is empty or a partial line
        try:
            _add(line, sessions)
            lines.append(line)
        except ContractError:
            bad += 1
    return sessions, lines, bad


def _add(line: bytes, sessions: list[Session]) -> None:
    """Add a line to the sessions. Raises ContractError if it is neither a session nor the answer of one."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ContractError("not JSON") from error
    if not isinstance(content, dict):
        raise ContractError("not a mapping")
    if "session" in content:
        about = parse_object(line)["session"]  # more strict than an answer, whose text may have any characters
        if not isinstance(about, dict):
            raise ContractError("not a session")
        sessions.append(Session(about))
        return
    try:
        completion = _COMPLETION.validate_python(content)
    except ValidationError as error:
        raise ContractError("not an answer") from error
    counts = (completion.prompt_tokens or 0, completion.completion_tokens or 0)
    if not _is_whole(content, completion) or not all(0 <= count <= _MOST_TOKENS for count in counts):
        raise ContractError("not an answer")
    if not is_plain_text(completion.key) or not is_plain_text(completion.finish_reason or ""):
        raise ContractError("not an answer")
    if not sessions:  # the line about the engine is lost, but an answer is found by its key
        sessions.append(Session({}))
    sessions[-1].completions.append(storable(completion))


def _is_whole(content: dict[str, Any], completion: Completion) -> bool:
    """Return whether an answer has each field that is written, and a text or an error: engines give one of them."""
    return content.keys() == set(_FIELDS) and (completion.text is None) != (completion.error is None)
