"""Explanations from a vLLM server through its OpenAI-compatible chat API, many requests in flight."""

import asyncio
import queue
import random
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import httpx

from pipeline.engines.protocol import Completion, Request
from pipeline.engines.vllm_server import VllmServer
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest import Sampling, VllmEngine

_ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 0.5


class VllmGeneration:
    """Generates through a server: the one at `settings.url`, or one of our own for as long as this is open."""

    name = "vllm"

    def __init__(
        self, model: LanguageModel, sampling: Sampling, settings: VllmEngine, server: VllmServer | None
    ) -> None:
        """`server` is started and stopped with this engine; None where `settings.url` names one."""
        self.version = "unknown"
        self._model = model
        self._sampling = sampling
        self._settings = settings
        self._server = server
        self._stack = ExitStack()
        self._url = ""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._server is not None:
                server = stack.enter_context(self._server)
                self._url, self.version = server.url, f"{server.version} ({server.build})"
            else:
                assert self._settings.url is not None
                self._url = self._settings.url.rstrip("/")
                self.version = self._external_version()
            self._loop = stack.enter_context(_loop_in_a_thread())
            self._client, self._slots = asyncio.run_coroutine_threadsafe(self._open_client(), self._loop).result()
            stack.callback(lambda: asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """See `Engine.complete`. All callers share `concurrency` requests in flight, first come, first served."""
        finished: queue.SimpleQueue[Future[Completion]] = queue.SimpleQueue()
        asked = [asyncio.run_coroutine_threadsafe(self._answer(request), self._loop) for request in requests]
        for future in asked:
            future.add_done_callback(finished.put)
        try:
            for _ in asked:
                yield finished.get().result()
        finally:
            for future in asked:
                future.cancel()

    async def _open_client(self) -> tuple[httpx.AsyncClient, asyncio.Semaphore]:
        """Made in the loop that uses them."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.concurrency)
        client = httpx.AsyncClient(timeout=self._settings.request_timeout, limits=limits)
        return client, asyncio.Semaphore(self._settings.concurrency)

    def _external_version(self) -> str:
        """The version an already running server reports.

        Raises:
            PipelineError: it cannot be reached, or does not serve the manifest's model.
        """
        try:
            served = httpx.get(f"{self._url}/models", timeout=10.0).raise_for_status().json()
            names = [entry["id"] for entry in served["data"]]
            version = httpx.get(f"{self._url.removesuffix('/v1')}/version", timeout=10.0)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise PipelineError(f"generation.engine.url: no vLLM server answers at {self._url}: {error}") from error
        if self._model.name not in names:
            raise PipelineError(
                f"generation.engine.url: {self._url} serves {', '.join(names)}, not {self._model.name}; "
                f"start it with --served-model-name {self._model.name}"
            )
        return str(version.json()["version"]) if version.is_success else "unknown"

    async def _answer(self, request: Request) -> Completion:
        """One completion. Overload, server faults and lost connections are retried with jitter; a refusal is not.

        Raises:
            PipelineError: the server did not answer in any attempt.
        """
        body = {
            "model": self._model.name,
            "messages": request.messages,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
        }
        last = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1.5))
            try:
                async with self._slots:
                    response = await self._client.post(f"{self._url}/chat/completions", json=body)
            except httpx.TransportError as error:
                last = f"{type(error).__name__}: {error}"
                continue
            if response.is_success:
                return _completion(request, response.json())
            last = f"HTTP {response.status_code}: {response.text[:500]}"
            if response.status_code != 429 and response.status_code < 500:
                return Completion(key=request.key, error=last)
        raise PipelineError(f"the vLLM server at {self._url} failed {_ATTEMPTS} times, last with {last}")


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


def _completion(request: Request, answer: dict[str, Any]) -> Completion:
    choice, usage = answer["choices"][0], answer["usage"]
    return Completion(
        key=request.key,
        text=choice["message"]["content"] or "",
        finish_reason=choice["finish_reason"],
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
    )
