"""A vLLM server's HTTP API on loopback, without a model and with faults on request."""

import json
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

Prompt = tuple[int, ...]
Fault = Callable[["Handler", bytes], None]  # handler and the right answer's body


def text_for(prompt: Prompt) -> str:
    """What the fake says to a prompt."""
    return "about " + " ".join(map(str, prompt))


def status(code: int, text: str = "a fault", **headers: str) -> Fault:
    """Answer with a status; headers with _ for the dash."""
    return lambda handler, _: handler.say(
        code, json.dumps({"error": text}).encode(), {k.replace("_", "-"): v for k, v in headers.items()}
    )


def reset_in_the_body(handler: "Handler", body: bytes) -> None:
    """Half of the answer, then a connection reset."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def truncated_json(handler: "Handler", body: bytes) -> None:
    """A whole HTTP answer around half of the JSON."""
    handler.say(200, body[: len(body) // 2])


def changed(change: Callable[[dict[str, Any]], object]) -> Fault:
    """The right answer after something was done to it."""

    def fault(handler: "Handler", body: bytes) -> None:
        answer = json.loads(body)
        change(answer)
        handler.say(200, json.dumps(answer).encode())

    return fault


class FakeVllm:
    """A context manager around the server; `down` and `up` take it away and bring it back on its port.

    Attributes:
        asked: how often each prompt was asked; answered: how often with a text.
        bodies: of every generation request.
        faults: one is used up by every request; always: without one;
            refused: prompts that get HTTP 400, broken: HTTP 500, always.
        most_in_flight: prompts at once.
        hold: while this file exists, requests get no answer.
    """

    def __init__(
        self,
        model: str,
        *,
        key: str | None = None,
        seconds: float = 0.0,
        version: str = "0.32.0",
        port: int = 0,
        hold: Path | None = None,
    ) -> None:
        self.model, self.key, self.seconds, self.version = model, key, seconds, version
        self.asked: Counter[Prompt] = Counter()
        self.answered: Counter[Prompt] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.refused: set[Prompt] = set()
        self.broken: set[Prompt] = set()
        self.most_in_flight = self.in_flight = 0
        self.lock = threading.Lock()
        self.hold = hold
        self._port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *exc: object) -> None:
        self.down()

    def up(self) -> None:
        fake = self
        handler = type("Bound", (Handler,), {"fake": fake})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def down(self) -> None:
        """No longer there: open connections are cut, new ones refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.cut()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # cut connections are what some tests are about

    def cut(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one segment
    fake: FakeVllm

    def log_message(self, *args: Any) -> None:
        pass

    def say(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/v1/models" and self._may():
            self.say(200, json.dumps({"data": [{"id": self.fake.model, "max_model_len": 64}]}).encode())
        elif self.path.endswith("/models"):
            self.say(404, b"no such page")
        elif self.path == "/version":
            self.say(200, json.dumps({"version": self.fake.version}).encode())
        else:
            self.say(200, b"")

    def do_POST(self) -> None:
        fake = self.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._may():
            return
        chat = self.path.endswith("/chat/completions")
        asked: list[Any] = [body["messages"][-1]["content"][0]["text"]] if chat else body["prompt"]
        prompts: list[Prompt] = [tuple(p) for p in asked]
        with fake.lock:
            fake.bodies.append(body)
            fake.times.append(time.monotonic())
            fake.asked.update(prompts)
            fake.in_flight += len(prompts)
            fake.most_in_flight = max(fake.most_in_flight, fake.in_flight)
            fault = fake.faults.popleft() if fake.faults else fake.always
        time.sleep(fake.seconds)
        while fake.hold is not None and fake.hold.exists():
            time.sleep(0.02)
        with fake.lock:
            fake.in_flight -= len(prompts)
        if fault is not None:
            fault(self, _answer(prompts, chat))
        elif fake.refused & set(prompts):
            self.say(400, json.dumps({"error": f"too long; {self.headers['Authorization']}"}).encode())
        elif fake.broken & set(prompts):
            self.say(500, b"cannot do this one")
        else:
            self.say(200, _answer(prompts, chat))
            with fake.lock:
                fake.answered.update(prompts)

    def _may(self) -> bool:
        given = self.headers["Authorization"]
        if self.fake.key is None or given == f"Bearer {self.fake.key}":
            return True
        self.say(401, f"not with {given}".encode())
        return False


def _answer(prompts: list[Prompt], chat: bool) -> bytes:
    choices: list[dict[str, Any]] = []
    for index, prompt in enumerate(prompts):
        choice = {"index": index, "finish_reason": "stop", "token_ids": [1] * len(prompt), "prompt_token_ids": prompt}
        said = {"message": {"content": text_for(prompt)}} if chat else {"text": text_for(prompt)}
        choices.append(choice | said)
    tokens = sum(map(len, prompts))
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}
    return json.dumps({"choices": choices, "usage": usage}).encode()
