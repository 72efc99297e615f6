"""The spool: answers of a bucket that is being made, one JSON line each, so that a crash costs seconds.

`_spool/bucket-00012.jsonl` holds, for every run that wrote to it, a line that says what generates, then its
completions as they arrive. A torn last line (the process was killed while writing) is cut off. The file goes
when its answers are in the shards.
"""

import json
import os
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from pipeline.engines.base import Completion

_FIELDS = [one.name for one in fields(Completion)]  # asdict would copy every value
_SECONDS_BETWEEN_SYNCS = 1.0


@dataclass
class Session:
    """What one run said of itself, and what it has answered."""

    about: dict[str, Any]
    completions: list[Completion] = field(default_factory=list)


class Spool:
    """Append-only; a completion is in the file system once `append` returns, on the disk within a second."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._about = about

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_tail(self._path)
        self._file = self._path.open("ab")
        self._write({"session": self._about})
        self._synced = time.monotonic()
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def append(self, completion: Completion) -> None:
        """Make an answer durable."""
        self._write({name: getattr(completion, name) for name in _FIELDS})
        if time.monotonic() - self._synced >= _SECONDS_BETWEEN_SYNCS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()


def read_spool(path: Path) -> list[Session]:
    """The sessions of a spool; nothing where there is none. A torn tail is passed over."""
    if not path.is_file():
        return []
    sessions: list[Session] = []
    for line in path.read_bytes().split(b"\n")[:-1]:  # what follows the last line end was never finished
        content = json.loads(line)
        if "session" in content:
            sessions.append(Session(content["session"]))
        else:
            sessions[-1].completions.append(Completion(**content))
    return sessions


def _cut_torn_tail(path: Path) -> None:
    if path.is_file():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("rb+") as file:
                file.truncate(whole)
