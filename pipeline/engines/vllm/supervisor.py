"""Keeps a vLLM server of our own running: one that died is started again, a bounded number of times."""

import sys
import threading
import time
from typing import Self

from pipeline.engines.vllm.server import VllmServer
from pipeline.errors import PipelineError

_LOOK_SECONDS = 0.5
_SECONDS_TO_END_ALONE = 15.0  # a server whose engine is dead ends by itself within seconds


class SupervisedServer:
    """A context manager around a server and the thread that watches it.

    Attributes:
        version: of vLLM, with its build.
        restarts: so far. The bound holds for the whole run: a prompt that kills the server would never end it else.
    """

    def __init__(self, server: VllmServer, max_restarts: int) -> None:
        self.version = f"{server.version} ({server.build})"
        self.restarts = 0
        self._server = server
        self._max_restarts = max_restarts
        self._url: str | None = None
        self._lost: str | None = None
        self._doubted = False
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="vllm-watcher", daemon=True)

    def __enter__(self) -> Self:
        self._server.start(self._closing)
        self._url = self._server.url
        self._watcher.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._watcher.join()
        self._server.stop()

    def locate(self) -> str | None:
        """The server's base URL, or None while it is being started again.

        Raises:
            PipelineError: it died more often than it may.
        """
        if self._lost is not None:
            raise PipelineError(self._lost)
        return self._url

    def doubt(self) -> None:
        """Somebody was not answered: look whether its engine lives."""
        self._doubted = True

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            why = self._why_it_is_dead()
            if why is None:
                continue
            self._url = None
            self._server.stop()
            while self._url is None and self._lost is None and not self._closing.is_set():
                why = self._start_again(why)

    def _start_again(self, why: str) -> str:
        """Start it, if it may be started once more; what kept it from starting, if anything."""
        if self.restarts >= self._max_restarts:
            self._lost = (
                f"the vLLM server died ({why}) and was started again {self.restarts} times already "
                "(generation.engine.max_restarts). What was answered is kept; a re-run goes on from there; "
                f"{self._server.log_tail()}"
            )
            return why
        self.restarts += 1
        print(
            f"the vLLM server died ({why}): restart {self.restarts} of at most {self._max_restarts}; "
            "what was in flight is asked again",
            file=sys.stderr,
            flush=True,
        )
        try:
            self._server.start(self._closing)
        except PipelineError as error:
            return str(error).splitlines()[0]
        self._url = self._server.url
        return why

    def _why_it_is_dead(self) -> str | None:
        began = time.monotonic()
        sick = None
        while not self._server.has_ended:
            sick = self._server.sickness() if self._doubted else None
            if sick is None or time.monotonic() - began > _SECONDS_TO_END_ALONE or self._closing.wait(_LOOK_SECONDS):
                self._doubted = False
                return sick
        self._doubted = False
        return "its main process ended"
