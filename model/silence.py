"""In place of progress and log, where another process speaks and writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class Silence:
    """Takes everything that `Progress` and `RunLog` take, and says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def step(self, *what: Any) -> None:
        """A step has been made."""

    def validation(self, *what: Any) -> None:
        """A validation has been made."""

    def say(self, line: str) -> None:
        """A line for people."""

    @contextmanager
    def aside(self, what: str) -> Iterator[None]:
        """Something else than steps."""
        yield

    def sync(self) -> None:
        """Everything is on disk."""

    def close(self) -> None:
        """The end."""
