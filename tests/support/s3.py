"""A real S3 API on this machine, and a proxy before it that cuts an upload in the middle."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

KEY_ID, SECRET = "AKIATESTONLY", "a-secret-that-must-show-nowhere"


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a fresh server with the bucket `shards`; credentials are in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    from moto.server import ThreadedMotoServer
    from pyarrow import fs

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        endpoint = f"http://127.0.0.1:{port}"
        httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()  # its objects outlive the server
        fs.S3FileSystem(endpoint_override=endpoint, region="us-east-1", allow_bucket_creation=True).create_dir("shards")
        yield port
    finally:
        server.stop()


def s3_url(port: int, prefix: str) -> str:
    """The URL of a prefix in the bucket, as a manifest spells it."""
    return f"s3://shards/{prefix}?endpoint_override=http://127.0.0.1:{port}&region=us-east-1"


class CuttingProxy:
    """Passes connections on to a port. The first upload whose path contains `marker` is cut after its first bytes:
    `on_cut` is called while the server has part of the body, and nothing more is passed on."""

    def __init__(self, port: int, marker: bytes, on_cut: Callable[[], None]) -> None:
        self._target = ("127.0.0.1", port)
        self._marker = marker
        self._on_cut = on_cut
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.has_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                threading.Thread(target=self._pass_back, args=(server, client), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        uploading = False
        with suppress(OSError):
            while chunk := client.recv(1 << 14):
                body = chunk if uploading else b""
                if chunk.startswith(b"PUT ") and self._marker in chunk.partition(b"\r\n")[0]:
                    uploading, body = True, chunk.partition(b"\r\n\r\n")[2]
                if body and not self.has_cut.is_set():
                    self.has_cut.set()
                    server.sendall(chunk[: len(chunk) - len(body) // 2])
                    self._on_cut()
                    break
                server.sendall(chunk)
        server.close()
        client.close()

    @staticmethod
    def _pass_back(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while chunk := server.recv(1 << 14):
                client.sendall(chunk)
            client.shutdown(socket.SHUT_WR)
