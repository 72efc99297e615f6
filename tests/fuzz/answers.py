"""What a hostile or broken server may send: whole HTTP responses, as they follow from a seed."""

import functools
import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fuzz.mutations import DEEP, VALUES, damaged

SECRETS = ("s3cr3t-key", "hunter2", "c2lnbmF0dXJl")
NASTY = (
    f"no: Bearer {SECRETS[0]}, see https://me:{SECRETS[1]}@store/x?X-Amz-Signature={SECRETS[2]}&sig={SECRETS[2]} "
    "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe \x00 caf\u00e9"
)
BOMB_BYTES = 2**28
NUMBERS: list[Any] = [
    0, 1, -1, 2**31 - 1, 2**31, 2**63, 2**64, 10**400, -(10**30), 1.5, 3.0, 1e308, float("inf"), float("nan"), True,
    "12", "", None, [], {}, [1], "\ud800",
]  # fmt: skip
_REASONS: list[Any] = [
    None, "abort", "error", "content_filter", "eos_token", "stop_sequence", "length", "STOP", "max_tokens", "",
    "tool_calls", "x" * 100_000, "\x1b[31m", "\ud800", 0, True, [], {}, ["stop"], {"reason": "stop"},
]  # fmt: skip
_TEXTS: list[Any] = [
    "", "\ud800", "ok \udfff", "a\0b", "\x1b[2J", "\x7f", "\u0085 \u0092", "x" * 600_000, "\U0001f469\u200d" * 1000,
    [{"type": "text", "text": "part"}], [{"type": "text", "text": 1}], [{"type": "image_url"}], ["a", {"text": "b"}],
    [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "part"}], "<think>",
    [None], [DEEP], "\u202e",
]  # fmt: skip
_RETRY_AFTER = [
    "0", "1", "86400", "9" * 400, "-5", "1.5", "1e9", "soon", "", "\xb2", "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 99999 23:59:59 +9999", "Wed, 21 Oct 2015 07:28:00 -0000", "1, 2",
    "Thu, 32 Foo 2030 25:61:61 GMT", ";" * 300,
]  # fmt: skip
_STATUSES = [
    204,
    206,
    226,
    300,
    304,
    400,
    402,
    405,
    406,
    408,
    409,
    413,
    418,
    422,
    429,
    451,
    500,
    501,
    502,
    503,
    504,
    511,
]
_STOPS = [301, 302, 303, 307, 308, 401, 403, 404]


@dataclass(frozen=True)
class Delivery:
    """Bytes for a connection.

    Attributes:
        pieces: what is sent, in turn; endless: the last piece is sent again and again.
        seconds: between pieces.
        closes: whether the connection ends after them.
    """

    pieces: tuple[bytes, ...]
    seconds: float = 0.0
    endless: bool = False
    closes: bool = False


def response(body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = (), length: bool = True) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status} because", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


Change = Callable[[dict[str, Any], random.Random], None]
Send = Callable[[bytes, random.Random], Delivery]


def change_choice(choice: dict[str, Any], rng: random.Random) -> None:
    """Something else at one of a choice's fields, or at none."""
    inner = choice.get("message", choice)
    match rng.randrange(8):
        case 0 | 1:
            choice["finish_reason"] = rng.choice(_REASONS)
        case 2 | 3:
            inner["content" if "message" in choice else "text"] = rng.choice(_TEXTS)
        case 4:
            choice[rng.choice(["index", "token_ids", "prompt_token_ids"])] = rng.choice(NUMBERS)
        case 5:
            inner[rng.choice(["reasoning", "thinking", "refusal", "content", "text"])] = rng.choice(VALUES + _TEXTS)
        case 6:
            choice.pop(rng.choice(list(choice)))
        case 7:
            choice[rng.choice(list(choice))] = rng.choice(VALUES)


def change_answer(answer: dict[str, Any], rng: random.Random) -> None:
    """Something else at one of the fields above the choices."""
    match rng.randrange(8):
        case 0 | 1:
            answer["usage"] = rng.choice([*NUMBERS, {}, {"prompt_tokens": rng.choice(NUMBERS)}])
        case 2 | 3:
            answer.setdefault("usage", {})[rng.choice(["prompt_tokens", "completion_tokens"])] = rng.choice(NUMBERS)
        case 4:
            answer["choices"] = rng.choice([*VALUES, [DEEP], answer["choices"] * 2, answer["choices"][1:], [[]], [1]])
        case 5:
            answer.clear()
            answer["error"] = rng.choice(
                [{"message": NASTY, "code": 500}, NASTY, [NASTY], {}, {"message": DEEP}, DEEP, 1]
            )
        case 6:
            answer.clear()
            answer.update({"object": "error", "message": NASTY})
        case 7:
            answer.pop(rng.choice(list(answer)))


def damaged_json(body: bytes, rng: random.Random) -> Delivery:
    """A response around JSON that is no longer what it was, or was never JSON."""
    odd = [
        b"",
        b"null",
        b"[]",
        b"[" * 200_000,
        b'{"choices":' * 50_000,
        b"9" * 100_000,
        b"\xef\xbb\xbf{}",
        b"\xff\xfe\0\0",
    ]
    odd += [
        '{"choices": []}'.encode("utf-16"),
        b"<html>" + NASTY.encode() + b"</html>",
        b"NaN",
        b'"' + b"\\ud800" * 9 + b'"',
    ]
    return Delivery((response(rng.choice(odd) if rng.random() < 0.3 else damaged(body, rng)),))


def another_status(body: bytes, rng: random.Random) -> Delivery:
    """A status that is not success, with a text that is not to be shown as it is."""
    status = rng.choice(_STATUSES)
    said = rng.choice([NASTY.encode(), json.dumps({"error": NASTY}).encode(), b"", b"\xff" * 900, b" " * 70_000 + body])
    headers = (("Retry-After", rng.choice(_RETRY_AFTER)),) if rng.random() < 0.5 else ()
    if status in (204, 304):
        return Delivery((response(b"", status, headers),))
    return Delivery((response(said, status, headers),))


def overload(body: bytes, rng: random.Random) -> Delivery:
    """Too many requests, with a time to wait that nobody has."""
    headers = (("Retry-After", rng.choice(_RETRY_AFTER)),)
    return Delivery((response(NASTY.encode(), rng.choice([429, 429, 503]), headers),))


def stopping_status(body: bytes, rng: random.Random) -> Delivery:
    """A status that ends the run, because every row would get it."""
    target = rng.choice([f"http://me:{SECRETS[1]}@h/?sig={SECRETS[2]}", "\x7f" * 10, "http://[bad", "/v1"])
    return Delivery((response(NASTY.encode(), rng.choice(_STOPS), (("Location", target),)),))


def odd_headers(body: bytes, rng: random.Random) -> Delivery:
    """The right body behind headers that are wrong, many, or long."""
    odd: list[tuple[tuple[str, str], ...]] = [
        (("Retry-After", rng.choice(_RETRY_AFTER)),),
        (("Content-Type", "application/json; charset=rot13"),),
        (("Content-Type", "\x1b[2J"),),
        (("Set-Cookie", "a=" + "b" * 4000),) * 10,
        (("Set-Cookie", ";;=;expires=\xff;domain=.;"),),
        (("X", "y" * 200_000),),
        (("X", "y"),) * 3000,
        (("Content-Length", "1"),),
        (("Content-Length", "-1"),),
        (("Content-Length", "9" * 30),),
        (("Transfer-Encoding", "chunked"),),
        (("Transfer-Encoding", "gzip, chunked"),),
        (("Connection", "close"),),
        (("Connection", "upgrade"), ("Upgrade", "h2c")),
        (("bad name", "x"),),
        (("X", "a\r\n folded"),),
    ]
    return Delivery((response(body, headers=rng.choice(odd)),), closes=rng.random() < 0.3)


@functools.cache
def bomb() -> bytes:
    """A gzip file of 256 MiB of white space, which a JSON parser skips."""
    deflate = zlib.compressobj(1, wbits=31)
    parts = [deflate.compress(b" " * 2**20) for _ in range(BOMB_BYTES // 2**20)]
    return b"".join([*parts, deflate.flush()])


def encoded(body: bytes, rng: random.Random) -> Delivery:
    """A body that is encoded, or is said to be."""
    raw = zlib.compressobj(wbits=-15)
    packed = gzip.compress(body)
    name, content = rng.choice(
        [
            ("gzip", packed),
            ("x-gzip", packed),
            ("deflate", zlib.compress(body)),
            ("deflate", raw.compress(body) + raw.flush()),
            ("gzip", packed[: len(packed) // 2]),
            ("gzip", damaged(packed, rng)),
            ("deflate", damaged(zlib.compress(body), rng)),
            ("gzip", body),
            ("deflate", body),
            ("gzip", gzip.compress(b"") * 2000 + packed),
            ("gzip, gzip", gzip.compress(packed)),
            ("br", body),
            ("\x1b[2J", body),
            ("identity", body),
        ]
    )
    return Delivery((response(content, rng.choice([200, 200, 200, 500]), (("Content-Encoding", name),)),))


def bombed(body: bytes, rng: random.Random) -> Delivery:
    """A body that grows a thousandfold when it is decompressed."""
    return Delivery((response(bomb(), rng.choice([200, 500, 400]), (("Content-Encoding", "gzip"),)),))


def broken_off(body: bytes, rng: random.Random) -> Delivery:
    """A response that ends early, or is none."""
    whole = response(body)
    noise = [
        b"",
        b"\0" * 100,
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 \x1b[2J\r\n\r\n",
        b"<html>",
        b"\r\n" * 99,
    ]
    early = b"HTTP/1.1 103 Early\r\n\r\n"
    sent = rng.choice(
        [whole[: rng.randrange(len(whole))], rng.choice(noise), early * 300 + whole, damaged(whole, rng), whole + whole]
    )
    return Delivery((sent,), closes=True)


def endless(body: bytes, rng: random.Random) -> Delivery:
    """A response that has no end: chunks, headers, early hints, or a body without a length."""
    chunked = (("Transfer-Encoding", "chunked"),)
    piece = b" " * 2**16
    start, more = rng.choice(
        [
            (response(b"", headers=chunked, length=False), b"%x\r\n%s\r\n" % (len(piece), piece)),
            (response(b"", length=False), piece),
            (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
            (response(b"", 500, length=False), piece),
        ]
    )
    return Delivery((start, more), endless=True)


def trickling(body: bytes, rng: random.Random) -> Delivery:
    """A response of which a byte arrives now and then, always in time for the next read."""
    whole = response(b" " * 10_000 + body)
    at = rng.choice([0, 9, whole.index(b"\r\n\r\n") + 4])
    return Delivery((whole[:at], *(whole[i : i + 1] for i in range(at, len(whole)))), seconds=0.03)


def silent(body: bytes, rng: random.Random) -> Delivery:
    """Nothing, or the beginning of a response, and then nothing."""
    return Delivery((response(body)[: rng.choice([0, 5, 40])], b""), seconds=3600.0)
