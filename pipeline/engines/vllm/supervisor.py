"""Supervises our own vLLM server, and restarts it a limited number of times if it dies."""

import sys
import threading
import time
from typing import Self

from pipeline.engines.vllm.server import VllmServer
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible

_POLL_SECONDS = 0.5
_SECONDS_TO_EXIT = 15.0  # a server whose engine has died exits by itself within seconds


class SupervisedServer:
    """A context manager that runs a server and a thread that watches it.

    Attributes:
        version: vLLM's version and build.
        restarts: number of restarts in this run. It is never reset, because otherwise a prompt that kills the server
            would be retried forever.
    """

    def __init__(self, server: VllmServer, max_restarts: int) -> None:
        self.version = f"{server.version} ({server.build})"
        self.restarts = 0
        self._server = server
        self._max_restarts = max_restarts
        self._url: str | None = None
        self._failure: str | None = None
        self._suspected = False
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
        """Return the server's base URL, or None while it is restarting.

        Raises:
            PipelineError: the server died more often than `max_restarts` allows.
        """
        if self._failure is not None:
            raise PipelineError(self._failure)
        return self._url

    def suspect(self) -> None:
        """Report that a request was not answered, so that the server's health is checked."""
        self._suspected = True

    def _watch(self) -> None:
        while not self._closing.wait(_POLL_SECONDS):
            why = self._cause_of_death()
            if why is None:
                continue
            self._url = None
            self._server.stop()
            while self._url is None and self._failure is None and not self._closing.is_set():
                why = self._restart(why)

    def _restart(self, why: str) -> str:
        """Restart the server unless the limit is reached; return the reason for its latest failure."""
        if self.restarts >= self._max_restarts:
            self._failure = (
                f"the vLLM server died ({visible(why)}) after {self.restarts} restarts "
                "(the limit is generation.engine.max_restarts). Finished answers are kept; run again to continue; "
                f"{self._server.log_tail()}"
            )
            return why
        self.restarts += 1
        print(
            f"the vLLM server died ({why}); restart {self.restarts} of at most {self._max_restarts}. "
            "Requests in flight will be sent again",
            file=sys.stderr,
            flush=True,
        )
        try:
            self._server.start(self._closing)
        except PipelineError as error:
            return str(error).splitlines()[0]
        self._url = self._server.url
        return why

    def _cause_of_death(self) -> str | None:
        began = time.monotonic()
        while not self._server.has_ended:
            problem = self._server.health_problem() if self._suspected else None
            if problem is None or time.monotonic() - began > _SECONDS_TO_EXIT or self._closing.wait(_POLL_SECONDS):
                self._suspected = False
                return problem
        self._suspected = False
        return "its main process exited"
