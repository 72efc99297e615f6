"""Sends one HTTP request within a deadline, and reads its answer up to a size, before and after decompression."""

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

_CONNECT_SECONDS = 10.0
# Servers are asked for uncompressed answers; one that compresses all the same is still read.
HEADERS = {"Accept-Encoding": "identity"}
TIMEOUT = httpx.Timeout(None, connect=_CONNECT_SECONDS)  # `exchange` has the deadline: httpx's would be for each read


class NoAnswerError(Exception):
    """A request that got no complete answer.

    Attributes:
        reached: whether it reached a server.
    """

    def __init__(self, why: str, *, reached: bool) -> None:
        super().__init__(why)
        self.reached = reached


class TooSlowError(NoAnswerError):
    """A request whose answer was not complete in time."""


@dataclass(frozen=True)
class Answer:
    """A server's answer.

    Attributes:
        content: the body, decompressed, up to the size that was asked for.
        is_whole: whether that is all of the body.
    """

    status: int
    headers: httpx.Headers
    content: bytes
    is_whole: bool

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    seconds: float,
    most: int,
    body: Any = None,
    once: bool = False,
) -> Answer:
    """Send a request, and read at most `most` bytes of the decompressed answer; all within `seconds`.

    With `once`, the connection is used for nothing else afterwards.

    Raises:
        TooSlowError: the server did not answer completely in time.
        NoAnswerError: the server cannot be reached, or sent what is not HTTP.
    """
    headers = {"Connection": "close"} if once else {}
    try:
        async with asyncio.timeout(seconds), client.stream(method, url, json=body, headers=headers) as response:
            content, is_whole = await _read(response, most)
            return Answer(response.status_code, response.headers, content, is_whole)
    except TimeoutError:
        raise TooSlowError(f"no complete answer within {seconds:g} s", reached=True) from None
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NoAnswerError(f"{type(error).__name__}: {error}", reached=False) from None
    except (httpx.HTTPError, httpx.InvalidURL, zlib.error, _UnknownEncodingError) as error:
        raise NoAnswerError(f"{type(error).__name__.lstrip('_')}: {error}", reached=True) from None


class _UnknownEncodingError(ValueError):
    pass


async def _read(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """Return the decoded body up to `most` bytes, and whether that is all of it; bounds memory and what is received."""
    decode = _decoder(response.headers.get("content-encoding", ""))
    content = bytearray()
    received = 0
    async for raw in response.aiter_raw():
        received += len(raw)
        content += decode(raw, most + 1 - len(content))
        if max(len(content), received) > most:
            return bytes(content[:most]), False
    return bytes(content), True


def _decoder(encoding: str) -> Callable[[bytes, int], bytes]:
    """Return a function that decodes the next bytes to at most so many. A body that ends early decodes to a part."""
    kind = encoding.strip().lower()
    if kind in ("", "identity"):
        return lambda raw, most: raw[:most]
    if kind not in ("gzip", "x-gzip", "deflate"):
        raise _UnknownEncodingError(f"the answer is encoded as {encoding[:60]!r}, which was not asked for")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # with a header of gzip or zlib
    may_lack_header = kind == "deflate"

    def decode(raw: bytes, most: int) -> bytes:
        nonlocal inflate, may_lack_header
        try:
            return inflate.decompress(raw, most)
        except zlib.error:
            if not may_lack_header:
                raise
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # some servers leave it out
            return inflate.decompress(raw, most)
        finally:
            may_lack_header = False

    return decode
