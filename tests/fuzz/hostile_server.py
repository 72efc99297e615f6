"""A server on loopback that answers each prompt as its case says; the real client talks to it over real sockets."""

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from tests.fuzz.answers import Delivery, response

Prompt = int  # the number of a case: the last of a prompt's token ids
Answer = Callable[[str, list[Prompt]], Delivery]


class HostileServer:
    """A context manager; `answer` is called with the path and the prompts of each request, in the server's thread."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._connection, "127.0.0.1", 0)

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._request(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        path = head.split(" ")[1]
        lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        body = json.loads(await reader.readexactly(int(lengths[0]))) if lengths else {}
        delivery = self._answer(path, prompts_in(body))
        if delivery.closes or delivery.endless or delivery.seconds:
            await self._deliver(delivery, reader, writer)
            return False
        writer.write(b"".join(delivery.pieces))
        await writer.drain()
        return True

    async def _deliver(self, delivery: Delivery, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.create_task(reader.read())  # ends when the client closes
        try:
            for piece in delivery.pieces:
                writer.write(piece)
                await asyncio.wait([gone], timeout=delivery.seconds)
                if gone.done():
                    return
            while delivery.endless and not gone.done():
                writer.write(delivery.pieces[-1])
                await writer.drain()
                await asyncio.sleep(0)
            await writer.drain()
            if delivery.closes:
                writer.write_eof()
                await asyncio.wait([gone], timeout=5)  # a reset would take away what is not read yet
        finally:
            gone.cancel()


def prompts_in(body: dict[str, Any]) -> list[Prompt]:
    """The cases that a request asks about."""
    if "messages" in body:
        return [int(body["messages"][-1]["content"][0]["text"])]
    return [prompt[-1] for prompt in body.get("prompt", [])]


def right_answer(path: str, prompts: list[Prompt]) -> dict[str, Any]:
    """What a vLLM server says."""
    choices: list[dict[str, Any]] = []
    for index, prompt in enumerate(prompts):
        said = {"message": {"content": f"about {prompt}"}} if "chat" in path else {"text": f"about {prompt}"}
        ids = {"token_ids": [1, 2], "prompt_token_ids": [7, prompt]}
        choices.append({"index": index, "finish_reason": "stop", **ids, **said})
    return {"choices": choices, "usage": {"prompt_tokens": 2, "completion_tokens": 2}}


def plain(content: Any) -> Delivery:
    """A response of JSON with no fault."""
    return Delivery((response(json.dumps(content).encode()),))
