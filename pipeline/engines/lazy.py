"""An engine that is opened once, when the first bucket needs it."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any

from pipeline.engines.base import Engine
from pipeline.errors import PipelineError
from pipeline.files.clock import now


class LazyEngine(AbstractContextManager["LazyEngine"]):
    """Opens an engine on first use, so that a run with nothing left to generate never starts it.

    Attributes:
        opened: the engine, or None before its first use.
    """

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._lost: str | None = None
        self.opened: Engine | None = None
        self._about: dict[str, Any] = {}

    def __exit__(self, *exc: object) -> None:
        if self.opened is not None:
            self.opened.__exit__(*exc)

    def get(self) -> Engine:
        """Return the engine, opening it if necessary. Thread-safe.

        Raises:
            PipelineError: the engine cannot be opened, or the run was aborted.
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
        """Metadata about the engine, recorded in shards: name, versions, start time of generation, and any restarts."""
        restarts = self.opened.restarts if self.opened is not None else 0
        return self._about | ({"server_restarts": restarts} if restarts else {})

    def give_up(self, reason: str) -> None:
        """Abort the run: each bucket stops at its next `check`, which raises an error with the first reason given."""
        self._lost = self._lost or reason

    def check(self) -> None:
        """Raise PipelineError if the run was aborted by `give_up`."""
        if self._lost is not None:
            raise PipelineError(self._lost)
