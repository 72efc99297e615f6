"""Generates through the OpenAI-compatible API of vLLM servers, keeping many prompts in flight."""

import asyncio
import math
import os
import queue
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self, TypeVar

import httpx

from pipeline.engines.base import Completion, Request
from pipeline.engines.vllm.answers import (
    GENERAL_REFUSALS,
    AbortedAnswerError,
    MalformedAnswerError,
    completions_in,
    is_temporary,
    retry_after,
)
from pipeline.engines.vllm.api_key import ApiKey
from pipeline.engines.vllm.endpoints import Backoff, Endpoints, Turn
from pipeline.engines.vllm.exchange import HEADERS, TIMEOUT, Answer, NoAnswerError, TooSlowError, exchange
from pipeline.engines.vllm.requests import batches, body_of, most_bytes
from pipeline.engines.vllm.served_model import versions_served
from pipeline.engines.vllm.supervisor import SupervisedServer
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, VllmEngine

_TRIES = 8  # attempts that reach a server before we give up on a request that fails while others succeed
_OVERLOADED_TRIES = 100  # the same for attempts that an overloaded server turns away, which is no fault of the request
_CONNECTIONS = 8  # per client, because httpx's overhead per request grows with the client's connections
_SAID_BYTES = 2**16  # of an error response that are read; far more than are shown
_LONGEST_SECRET = 2**12  # bytes that are left out at the end of a response that was not read to its end
Result = TypeVar("Result")
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
        self._counts_tokens = False

    @property
    def restarts(self) -> int:
        """Number of times our own server has been restarted."""
        return self._server.restarts if self._server is not None else 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            urls = [url.rstrip("/") for url in self._settings.urls]
            if self._server is not None:
                server = stack.enter_context(self._server)
                self.version = server.version
                locations: list[Callable[[], str | None]] = [server.locate]
            else:
                locations = [partial(str, url) for url in urls]
            self._loop = stack.enter_context(_loop_in_a_thread())
            self._in_loop(self._open(locations))
            stack.callback(lambda: self._in_loop(self._close()))
            if self._server is None:
                served = versions_served(self._clients[0], urls, self._model.name, self._max_model_len, self._key)
                self.version = self._in_loop(served)
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

    def _in_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, locations: list[Callable[[], str | None]]) -> None:
        """Create the objects that belong to the event loop; must run in that loop."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=_CONNECTIONS)
        certificates = httpx.create_ssl_context()  # shared, because creating one takes tens of milliseconds
        clients = [
            httpx.AsyncClient(
                timeout=TIMEOUT,
                limits=limits,
                verify=certificates,
                headers=HEADERS | self._key.headers,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none are kept or sent back
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
        tries = turned_away = 0
        answers_before = self._endpoints.answers
        while True:
            outcome = await self._try(batch, path, body)
            if isinstance(outcome, list):
                for completion in outcome:
                    finished.put(completion)
                return
            tries += outcome.reached
            turned_away += outcome.overloaded
            others_succeed = self._endpoints.answers > answers_before
            is_enough = tries >= _TRIES or turned_away >= _OVERLOADED_TRIES
            if outcome.is_final or (is_enough and (len(batch) > 1 or others_succeed or outcome.is_aborted)):
                break
        if len(batch) > 1:
            async with asyncio.TaskGroup() as group:
                for request in batch:
                    group.create_task(self._answer([request], finished))
        else:
            tried = f" ({tries + turned_away} attempts{', while others were answered' if others_succeed else ''})"
            finished.put(Completion(batch[0].key, error=outcome.why + ("" if outcome.is_final else tried)))

    async def _try(self, batch: list[Request], path: str, body: dict[str, Any]) -> "list[Completion] | _Failure":
        async with self._endpoints.turn(len(batch)) as turn:
            client = self._clients.pop()
            seconds, most = self._settings.request_timeout, most_bytes(batch)
            try:
                # A chat's answer does not tell which prompt it is for, so it comes on a connection of its own.
                answer = await exchange(
                    client, "POST", f"{turn.url}{path}", seconds=seconds, most=most, body=body, once="/chat" in path
                )
            except NoAnswerError as error:
                setting = " (generation.engine.request_timeout)" if isinstance(error, TooSlowError) else ""
                why = self._key.shown(str(error)) + setting
                self._failed(turn, why)
                return _Failure(why, reached=error.reached)
            finally:
                self._clients.append(client)
            if answer.is_success and not answer.is_whole:
                self._endpoints.answered(turn)
                return _Failure(f"the answer is larger than {most:,} bytes", is_final=True)
            is_aborted = False
            try:
                if answer.is_success:
                    completions = completions_in(batch, answer.content, self._count_tokens)
                    self._endpoints.answered(turn)
                    return [self._with_shown_error(completion) for completion in completions]
                why = self._key.shown(f"HTTP {answer.status}: {_said(answer)}")
            except MalformedAnswerError as error:
                is_aborted = isinstance(error, AbortedAnswerError)
                why = self._key.shown(str(error))
            if answer.is_success or is_temporary(answer.status):
                overloaded = answer.status == 429
                self._failed(turn, why, overloaded, retry_after(answer.headers.get("retry-after")))
                return _Failure(why, reached=not overloaded, overloaded=overloaded, is_aborted=is_aborted)
            if (refusal := GENERAL_REFUSALS.get(answer.status)) is not None:
                kept = "Finished answers are kept; run again to continue"
                raise PipelineError(f"{turn.url} {refusal} ({why}). {kept}")
            self._endpoints.answered(turn)
            return _Failure(why, is_final=True)

    def _with_shown_error(self, completion: Completion) -> Completion:
        error = completion.error
        return completion if error is None else Completion(completion.key, error=self._key.shown(error))

    def _count_tokens(self, text: str) -> int:
        """Count the tokens of an answer for a server that does not; say so once."""
        if not self._counts_tokens:
            self._counts_tokens = True
            print(
                "a server does not count the tokens of its answers; they are counted with the model's own tokenizer",
                file=sys.stderr,
                flush=True,
            )
        (ids,) = self._model.tokenize([text])
        return len(ids)

    def _failed(self, turn: Turn, why: str, overloaded: bool = False, wait: float | None = None) -> None:
        self._endpoints.failed(turn, why, overloaded=overloaded, retry_after=wait)
        if self._server is not None:
            self._server.suspect()


@dataclass(frozen=True)
class _Failure:
    """A failed attempt to get a request answered.

    Attributes:
        reached: whether the request reached a server that was not overloaded.
        overloaded: whether it reached a server that was.
        is_final: whether retrying is pointless.
        is_aborted: whether the engine began with the answer and gave up, so that the request may be to blame.
    """

    why: str
    reached: bool = True
    overloaded: bool = False
    is_final: bool = False
    is_aborted: bool = False


def _said(answer: Answer) -> str:
    """Return the text of an error response, and where a redirect leads to."""
    content = answer.content[:_SAID_BYTES] if answer.is_whole else answer.content[:_SAID_BYTES][:-_LONGEST_SECRET]
    text = content.decode("utf-8", "replace")
    return f"to {answer.headers['location']} {text}" if "location" in answer.headers else text


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
