"""Balances load over servers: a request goes to the least busy server; failing servers get none until they recover."""

import asyncio
import math
import random
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible

_SECONDS_BETWEEN_LINES = 15.0
_WORTH_A_LINE = 2.0  # seconds of waiting


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter, up to a cap.

    Attributes:
        longest_pause: seconds up to which a server's Retry-After is honoured.
    """

    first_seconds: float = 0.5
    cap_seconds: float = 30.0
    longest_pause: float = 60.0

    def seconds(self, failures: int) -> float:
        """Return the delay in seconds after `failures` consecutive failures; it varies randomly by up to 50 %."""
        return min(self.first_seconds * 2.0 ** min(failures - 1, 30), self.cap_seconds) * random.uniform(0.5, 1.5)


@dataclass(eq=False)
class Endpoint:
    """The state of one server.

    Attributes:
        locate: function that returns the server's base URL, or None while the server is restarting.
        in_flight: number of prompts sent but not yet answered.
        failing_since: monotonic time of the first failure after the server's last answer; None if it is not failing.
        rests_until: monotonic time before which an overloaded server gets no new prompts.
        probed: True while a probe is in flight.
    """

    locate: Callable[[], str | None]
    url: str = ""
    in_flight: int = 0
    failing_since: float | None = None
    failures: int = 0
    retry_at: float = 0.0
    rests_until: float = 0.0
    probed: bool = False

    def is_free(self, now: float) -> bool:
        """Return True if a request may be sent to this server now.

        Raises:
            PipelineError: the server has failed permanently.
        """
        url = self.locate()
        if url is None:
            return False
        if url != self.url:  # a new server
            self.url, self.failing_since, self.probed, self.rests_until = url, None, False, 0.0
        may_be_tried = self.failing_since is None or (now >= self.retry_at and not self.probed)
        return may_be_tried and now >= self.rests_until


@dataclass(frozen=True)
class Turn:
    """Permission to send one request to a server; a probe is a request that tests whether the server works again."""

    endpoint: Endpoint
    url: str
    is_probe: bool


class Endpoints:
    """An engine's servers, shared by all its requests and bound to one event loop.

    Attributes:
        answers: number of requests answered by any server.
    """

    def __init__(self, locations: Iterable[Callable[[], str | None]], wait_seconds: float, backoff: Backoff) -> None:
        """Create the pool; the run fails if no server answers for `wait_seconds`."""
        self._endpoints = [Endpoint(locate) for locate in locations]
        self._wait_seconds = wait_seconds
        self._backoff = backoff
        # Who waits for a turn, in order: otherwise a request that always fails could take every probe of a server.
        self._waiting: deque[asyncio.Event] = deque()
        self._said = -math.inf
        self._why = ""
        self.answers = 0

    @asynccontextmanager
    async def turn(self, prompts: int) -> AsyncIterator[Turn]:
        """Wait until a server is free; yield a turn at the free server with the fewest prompts in flight.

        Raises:
            PipelineError: no server has answered for `wait_seconds`, or our own server has failed permanently.
        """
        called = asyncio.Event()
        self._waiting.append(called)
        try:
            while not (free := self._free() if self._waiting[0] is called else []):
                wait = self._seconds_until_next_look() if self._waiting[0] is called else None
                with suppress(TimeoutError):
                    await asyncio.wait_for(called.wait(), wait)
                called.clear()
        finally:
            self._waiting.remove(called)
            self._call_first()  # it looks after this turn is taken, as nothing is awaited until then
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
            self._call_first()

    def answered(self, turn: Turn) -> None:
        """Record that the server answered. A refusal of the request also counts as an answer."""
        self.answers += 1
        if turn.url == turn.endpoint.url:
            turn.endpoint.failing_since = None

    def failed(self, turn: Turn, why: str, *, overloaded: bool = False, retry_after: float | None = None) -> None:
        """Record that the server did not answer; if it is overloaded or sent Retry-After, pause sending to it."""
        endpoint = turn.endpoint
        if turn.url != endpoint.url:
            return  # the server has been replaced since
        self._why = why
        now = time.monotonic()
        if endpoint.failing_since is None:
            endpoint.failing_since, endpoint.failures = now, 1
        elif turn.is_probe:
            endpoint.failures += 1
        elif not (overloaded or retry_after is not None):
            return  # this request was sent before the failure that was already counted
        pause = self._backoff.seconds(endpoint.failures) if retry_after is None else retry_after
        if pause > (longest := self._backoff.longest_pause) and retry_after is not None:
            pause = longest
            self._say(
                f"{turn.url} asks for a pause of {retry_after:,.0f} s; it is asked again after {longest:g} s: {why}"
            )
        endpoint.retry_at = now + pause
        if overloaded or retry_after is not None:
            endpoint.rests_until = max(endpoint.rests_until, endpoint.retry_at)

    def _free(self) -> list[Endpoint]:
        return [e for e in self._endpoints if e.is_free(time.monotonic())]

    def _call_first(self) -> None:
        """Let the first who waits look whether a server has become free."""
        if self._waiting:
            self._waiting[0].set()

    def _seconds_until_next_look(self) -> float:
        """Return how long to wait before checking again; raise PipelineError after `wait_seconds` without an answer."""
        now = time.monotonic()
        if any(e.locate() is None for e in self._endpoints):  # being restarted
            return 0.2
        silent = now - max(e.failing_since or now for e in self._endpoints)
        probed = any(e.probed for e in self._endpoints)
        if silent >= self._wait_seconds and not probed:
            urls = ", ".join(e.url for e in self._endpoints)
            raise PipelineError(
                f"no vLLM server at {urls} has answered for {silent:.0f} s (generation.engine.wait_for_server): "
                f"{self._why}. Finished answers are kept; run again to continue"
            )
        earliest = min(max(e.retry_at, e.rests_until) for e in self._endpoints)
        if silent >= min(1.0, self._wait_seconds):
            self._say(
                f"no vLLM server answers ({self._why}); waited {silent:.0f} s of at most {self._wait_seconds:.0f} s"
            )
        elif not probed and (left := earliest - now) > _WORTH_A_LINE:
            self._say(f"the vLLM servers asked for a pause ({self._why}); {left:.0f} s of it are left")
        if probed:
            return 1.0
        return max(min(earliest - now, self._wait_seconds - silent, 1.0), 0.0) + 0.001

    def _say(self, line: str) -> None:
        """Print a line unless the last one is only seconds old."""
        now = time.monotonic()
        if now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            print(visible(line), file=sys.stderr, flush=True)
