"""An engine that is opened when the first bucket needs it, once, and says when that was."""

import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Self

from pipeline.engines.base import Engine
from pipeline.errors import PipelineError
from pipeline.files.clock import now


class LazyEngine:
    """A context manager around an engine; a run in which nothing is left to generate never opens it.

    Attributes:
        opened: the engine, or None before it was needed.
    """

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._lost: str | None = None
        self.opened: Engine | None = None
        self._about: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.opened is not None:
            self.opened.__exit__(*exc)

    def get(self) -> Engine:
        """The open engine; several buckets may ask at once.

        Raises:
            PipelineError: it cannot be opened, or was given up.
        """
        with self._lock:
            self.check()
            if self.opened is None:
                self.opened = self._make().__enter__()
                self._about = {
                    "engine": self.opened.name,
                    "engine_version": self.opened.version,
                    "entityclip_version": version("entityclip"),
                    "began_at": now(),
                }
            return self.opened

    @property
    def about(self) -> dict[str, Any]:
        """What the shards say of it: engine, versions, when this run's generation began, restarts so far if any."""
        restarts = self.opened.restarts if self.opened is not None else 0
        return self._about | ({"server_restarts": restarts} if restarts else {})

    def give_up(self, reason: str) -> None:
        """End the run: every bucket stops at its next `check`, with the reason that ended the first one."""
        self._lost = self._lost or reason

    def check(self) -> None:
        """Go on, or stop.

        Raises:
            PipelineError: the run was given up.
        """
        if self._lost is not None:
            raise PipelineError(self._lost)
