"""The servers that prompts are sent to: the least busy one next, a failing one put aside until it answers again."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from pipeline.errors import PipelineError

_SECONDS_BETWEEN_LINES = 15.0


@dataclass(frozen=True)
class Backoff:
    """How long a server is left alone after so many failures in a row: doubling, with jitter, up to a cap."""

    first_seconds: float = 0.5
    cap_seconds: float = 30.0

    def seconds(self, failures: int) -> float:
        """Between half and one and a half times the nominal wait."""
        return min(self.first_seconds * 2.0 ** min(failures - 1, 30), self.cap_seconds) * random.uniform(0.5, 1.5)


class Endpoint:
    """One server.

    Attributes:
        in_flight: prompts it has been sent and has not answered.
        failing_since: when it began to fail (monotonic), or None while it answers.
    """

    def __init__(self, locate: Callable[[], str | None]) -> None:
        """`locate` gives its base URL, or None while it is being started again."""
        self._locate = locate
        self.url = ""
        self.in_flight = 0
        self.failing_since: float | None = None
        self.failures = 0
        self.retry_at = 0.0
        self.rests_until = 0.0  # it is overloaded, and asked to be left alone even if it answers what it has
        self.probed = False  # whether a probe is under way

    def is_free(self, now: float) -> bool:
        """Whether it may be sent something.

        Raises:
            PipelineError: it is gone for good.
        """
        url = self._locate()
        if url is None:
            return False
        if url != self.url:  # a new server
            self.url, self.failing_since, self.probed, self.rests_until = url, None, False, 0.0
        return now >= self.rests_until and self._may_be_tried(now)

    def _may_be_tried(self, now: float) -> bool:
        return self.failing_since is None or (now >= self.retry_at and not self.probed)

    @property
    def is_restarting(self) -> bool:
        """Whether it is known to be away, and to come back or be given up by those who start it."""
        return self._locate() is None


@dataclass(frozen=True)
class Turn:
    """The right to send something to a server; a probe finds out whether a failing one is back."""

    endpoint: Endpoint
    url: str
    is_probe: bool


class Endpoints:
    """Shared by everything that is sent; lives in one event loop.

    Attributes:
        answers: how many requests have been answered by any server.
    """

    def __init__(
        self, locations: Iterable[Callable[[], str | None]], wait_seconds: float, backoff: Backoff | None = None
    ) -> None:
        """`wait_seconds`: how long none may answer before the run ends."""
        self._endpoints = [Endpoint(locate) for locate in locations]
        self._wait_seconds = wait_seconds
        self._backoff = backoff or Backoff()
        self._changed = asyncio.Event()  # set, and replaced by a new one, whenever a server may have become free
        self._said = 0.0
        self._why = ""
        self.answers = 0

    @asynccontextmanager
    async def turn(self, prompts: int) -> AsyncIterator[Turn]:
        """Wait for a server that answers; the one with the least in flight, for as long as the context lasts.

        Raises:
            PipelineError: none has answered for too long, or the only one is gone for good.
        """
        while not (free := [e for e in self._endpoints if e.is_free(time.monotonic())]):
            wait = self._seconds_until_next_look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)
        endpoint = min(free, key=lambda e: e.in_flight)
        turn = Turn(endpoint, endpoint.url, is_probe=endpoint.failing_since is not None)
        endpoint.in_flight += prompts
        endpoint.probed = turn.is_probe
        try:
            yield turn
        finally:
            endpoint.in_flight -= prompts
            if turn.is_probe:
                endpoint.probed = False
            self._changed.set()
            self._changed = asyncio.Event()

    def answered(self, turn: Turn) -> None:
        """The server has answered, if only to refuse."""
        self.answers += 1
        if turn.url == turn.endpoint.url:
            turn.endpoint.failing_since = None

    def failed(self, turn: Turn, why: str, *, overloaded: bool = False, retry_after: float | None = None) -> None:
        """The server has not answered; an overloaded one, or one that says when to come back, is left alone."""
        endpoint = turn.endpoint
        if turn.url != endpoint.url:
            return  # of a server that is gone
        self._why = why
        now = time.monotonic()
        if endpoint.failing_since is None:
            endpoint.failing_since, endpoint.failures = now, 1
        elif turn.is_probe:
            endpoint.failures += 1
        elif not (overloaded or retry_after is not None):
            return  # failed together with the one that was counted
        back_at = now + (self._backoff.seconds(endpoint.failures) if retry_after is None else retry_after)
        endpoint.retry_at = back_at
        if overloaded or retry_after is not None:
            endpoint.rests_until = max(endpoint.rests_until, back_at)

    def _seconds_until_next_look(self) -> float:
        """None is free: how long until one may be.

        Raises:
            PipelineError: none has answered for too long.
        """
        now = time.monotonic()
        if any(e.is_restarting for e in self._endpoints):
            return 0.2
        silent = now - max(e.failing_since or now for e in self._endpoints)
        probed = any(e.probed for e in self._endpoints)
        if silent >= self._wait_seconds and not probed:
            urls = ", ".join(e.url for e in self._endpoints)
            raise PipelineError(
                f"no vLLM server has answered for {silent:.0f} s (generation.engine.wait_for_server) at {urls}: "
                f"{self._why}. What was answered is kept; a re-run goes on from there"
            )
        if now - self._said >= _SECONDS_BETWEEN_LINES and silent >= min(1.0, self._wait_seconds):
            self._said = now
            print(
                f"no vLLM server answers ({self._why}): waiting, {silent:.0f} of {self._wait_seconds:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        if probed:
            return 1.0
        earliest = min(max(e.retry_at, e.rests_until) for e in self._endpoints)
        return max(min(earliest - now, self._wait_seconds - silent, 1.0), 0.0) + 0.001
