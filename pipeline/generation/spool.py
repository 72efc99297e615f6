"""The spool: the answers of an unfinished bucket as JSON lines, so that a crash loses only seconds of work.

The file `_spool/bucket-00012.jsonl` holds, for every run that wrote to it, a line that describes the engine, then the
completions in order of arrival. A partial last line, left by a killed process, is removed. The file is deleted once
its answers are in the shards.
"""

import json
import os
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from pipeline.engines.base import Completion
from pipeline.engines.storable import storable

_FIELDS = [field.name for field in fields(Completion)]  # asdict would copy every value
_SECONDS_BETWEEN_SYNCS = 1.0


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
    """Return a spool's sessions, ignoring a partial last line; the list is empty if there is no file."""
    if not path.is_file():
        return []
    sessions: list[Session] = []
    for line in path.read_bytes().split(b"\n")[:-1]:  # the last piece is empty or a partial line
        content = json.loads(line)
        if "session" in content:
            sessions.append(Session(content["session"]))
        else:
            sessions[-1].completions.append(storable(Completion(**content)))  # an older version stored any answer
    return sessions
