"""Generates through the OpenAI-compatible API of vLLM servers, keeping many prompts in flight."""

import asyncio
import math
import os
import queue
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import httpx

from pipeline.engines.base import Completion, Request
from pipeline.engines.vllm.endpoints import Backoff, Endpoints, Turn
from pipeline.engines.vllm.requests import (
    GENERAL_REFUSALS,
    MalformedAnswerError,
    batches,
    body_of,
    completions_in,
    is_temporary,
    retry_after,
)
from pipeline.engines.vllm.served_model import ApiKey, versions_served
from pipeline.engines.vllm.supervisor import SupervisedServer
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, VllmEngine

_TRIES = 8  # attempts that reach a server before we give up on a request that fails while others succeed
_CONNECTIONS = 8  # per client, because httpx's overhead per request grows with the client's connections
_SHOWN = 500  # characters of a server's response shown in a message
_IN_FLIGHT_PER_SEQUENCE = 1.5  # more than 1 keeps the server's batch full while answers are in transit


class VllmGeneration:
    """Engine that uses the servers at `settings.urls`, or its own server, which runs while the engine is open."""

    name = "vllm"

    def __init__(
        self,
        model: LanguageModel,
        sampling: Sampling,
        settings: VllmEngine,
        max_model_len: int,
        server: SupervisedServer | None,
        backoff: Backoff | None = None,
    ) -> None:
        """Create the engine. It starts and stops `server`, which is None if `settings.urls` is set.

        Raises:
            PipelineError: the environment variable for the API key is not set.
        """
        self.version = "unknown"
        self._model = model
        self._sampling = sampling
        self._settings = settings
        self._max_model_len = max_model_len
        self._server = server
        self._backoff = backoff or Backoff()
        self._key = ApiKey.named(settings.api_key_env, os.environ)
        self._stack = ExitStack()
        servers = max(len(settings.urls), 1)
        self._in_flight = settings.concurrency or round(_IN_FLIGHT_PER_SEQUENCE * settings.max_num_seqs) * servers
        together = 1 if sampling.temperature > 0 else settings.prompts_per_request  # a request has only one seed
        self._together = min(together, self._in_flight)

    @property
    def restarts(self) -> int:
        """Number of times our own server has been restarted."""
        return self._server.restarts if self._server is not None else 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._server is not None:
                server = stack.enter_context(self._server)
                self.version = server.version
                locations: list[Callable[[], str | None]] = [server.locate]
            else:
                urls = [url.rstrip("/") for url in self._settings.urls]
                self.version = versions_served(urls, self._model.name, self._max_model_len, self._key)
                locations = [partial(str, url) for url in urls]
            self._loop = stack.enter_context(_loop_in_a_thread())
            self._in_loop(self._open(locations))
            stack.callback(lambda: self._in_loop(self._close()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Answer the requests; see `Engine.complete`. All callers share the limit on prompts in flight."""
        finished: queue.SimpleQueue[Completion | None] = queue.SimpleQueue()
        sending = self._send_all(batches(requests, self._together), finished)
        sent = asyncio.run_coroutine_threadsafe(sending, self._loop)
        sent.add_done_callback(lambda _: finished.put(None))
        try:
            while (completion := finished.get()) is not None:
                yield completion
            sent.result()  # raises if sending failed
        except CancelledError:
            raise PipelineError("the engine was closed during generation; run again to continue") from None
        finally:
            sent.cancel()

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, locations: list[Callable[[], str | None]]) -> None:
        """Create the objects that belong to the event loop; must run in that loop."""
        timeout = httpx.Timeout(self._settings.request_timeout, connect=10.0)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=_CONNECTIONS)
        certificates = httpx.create_ssl_context()  # shared, because creating one takes tens of milliseconds
        clients = [
            httpx.AsyncClient(
                timeout=timeout,
                limits=limits,
                verify=certificates,
                headers=self._key.headers,
                trust_env=self._server is None,  # no proxy for our own server
            )
            for _ in range(math.ceil(self._in_flight / _CONNECTIONS))
        ]
        self._clients = clients * _CONNECTIONS  # one entry for each concurrent request
        self._endpoints = Endpoints(locations, self._settings.wait_for_server, self._backoff)
        self._slots = asyncio.Semaphore(self._in_flight)
        self._turnstile = asyncio.Lock()

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for client in set(self._clients):
            await client.aclose()

    async def _send_all(self, waiting: list[list[Request]], finished: "queue.SimpleQueue[Completion | None]") -> None:
        """Send the batches within the limit on prompts in flight; raise the first error that affects every row."""
        try:
            async with asyncio.TaskGroup() as group:
                for batch in waiting:
                    async with self._turnstile:  # otherwise two batches could deadlock, each with half of its slots
                        for _ in batch:
                            await self._slots.acquire()
                    group.create_task(self._send(batch, finished))
        except BaseExceptionGroup as group_error:
            first: BaseException = group_error
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise first from None

    async def _send(self, batch: list[Request], finished: "queue.SimpleQueue[Completion | None]") -> None:
        try:
            await self._answer(batch, finished)
        finally:
            for _ in batch:
                self._slots.release()

    async def _answer(self, batch: list[Request], finished: "queue.SimpleQueue[Completion | None]") -> None:
        """Retry a batch until it is answered; if it is refused or keeps failing, retry its requests individually.

        A single request that is refused or keeps failing becomes a completion with an error.

        Raises:
            PipelineError: no server answers, or a server refuses the batch for a reason that affects every row.
        """
        path, body = body_of(batch, self._model.name, self._sampling, self._model.template_arguments)
        tries = 0
        answers_before = self._endpoints.answers
        while True:
            outcome = await self._try(batch, path, body)
            if isinstance(outcome, list):
                for completion in outcome:
                    finished.put(completion)
                return
            tries += outcome.reached
            others_succeed = self._endpoints.answers > answers_before
            if outcome.is_final or (tries >= _TRIES and (len(batch) > 1 or others_succeed)):
                break
        if len(batch) > 1:
            async with asyncio.TaskGroup() as group:
                for request in batch:
                    group.create_task(self._answer([request], finished))
        else:
            why = outcome.why if outcome.is_final else f"{outcome.why} ({tries} attempts, while others were answered)"
            finished.put(Completion(batch[0].key, error=why))

    async def _try(self, batch: list[Request], path: str, body: dict[str, Any]) -> "list[Completion] | _Failure":
        async with self._endpoints.turn(len(batch)) as turn:
            client = self._clients.pop()
            try:
                response = await client.post(f"{turn.url}{path}", json=body)
            except httpx.RequestError as error:
                why = self._key.hidden(f"{type(error).__name__}: {error}")
                self._failed(turn, why)
                return _Failure(why, reached=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout))
            finally:
                self._clients.append(client)
            try:
                if response.is_success:
                    completions = completions_in(batch, response.content)
                    self._endpoints.answered(turn)
                    return completions
                why = self._key.hidden(f"HTTP {response.status_code}: {response.text}")[:_SHOWN]
            except MalformedAnswerError as error:
                why = self._key.hidden(str(error))[:_SHOWN]
            if response.is_success or is_temporary(response.status_code):
                overloaded = response.status_code == 429
                self._failed(turn, why, overloaded, retry_after(response.headers.get("retry-after")))
                return _Failure(why, reached=not overloaded)
            if (refusal := GENERAL_REFUSALS.get(response.status_code)) is not None:
                kept = "Finished answers are kept; run again to continue"
                raise PipelineError(f"{turn.url} {refusal} ({why}). {kept}")
            self._endpoints.answered(turn)
            return _Failure(why, is_final=True)

    def _failed(self, turn: Turn, why: str, overloaded: bool = False, wait: float | None = None) -> None:
        self._endpoints.failed(turn, why, overloaded=overloaded, retry_after=wait)
        if self._server is not None:
            self._server.suspect()


@dataclass(frozen=True)
class _Failure:
    """A failed attempt to get a request answered.

    Attributes:
        reached: whether the request reached a server that was not overloaded.
        is_final: whether retrying is pointless.
    """

    why: str
    reached: bool = True
    is_final: bool = False


@contextmanager
def _loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="vllm-client", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
