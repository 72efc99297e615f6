"""Damage to bytes, and values that nobody should have written."""

import random
from typing import Any

TOKENS = [
    b"\0", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\r", b"\n", b"\r\n", b'"', b'""', b"'", b",",
    b"\t", b"\\", b"{", b"}", b"[", b"]", b"[" * 3000, b'{"a":' * 3000, b"../", b"../../../../etc/passwd",
    b"/etc/passwd", b"&amp;" * 50, b"&#0;", b"*a", b"&a [", b"!!python/object/apply:os.system ['true']",
    b"!!binary x", b"<<: *a", b"1e999", b"NaN", b"-1", b"9" * 5000, b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff",
    b"\0\0\0\x80", b"PAR1", b"ustar", b"\x1f\x8b\x08", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"A" * 70_000, b"null",
    b"2001-99-99", b"? [a]", b"0x", b"1:60", b"~", b"http://x/y", b"s3://b/k", b"{0..9}", b"**/*",
]  # fmt: skip
DEEP: Any = "x"
for _ in range(60):
    DEEP = [DEEP]
VALUES: list[Any] = [
    None, "", " ", "x", "\0", "a\0b.png", "\u202e\u2066gnp.exe", "\x1b[2J", "caf\u00e9 \U0001f469\u200d\U0001f680",
    "\r\n", 'open " quote', "a,b\tc;d", "../secret.png", "../../../../../../etc/passwd", "/etc/passwd", "link.png",
    "linked/secret.png", "loop", "pipe", "folder", ".", "..", "/", "//", "x" * 300, "a/" * 3000, "y" * 150_000,
    "&amp;" * 30_000, "&lt;" + "&amp;lt;" * 20, "train", "Validation", "no split!", "TEST\0", 0, -1, 2**70, 1.5,
    float("nan"), float("inf"), True, [], [None], ["a", "b"], ["x"] * 1500, {}, {"bytes": None, "path": None},
    {"bytes": "x", "path": "../secret.png"}, {"path": "/etc/passwd"}, [{"path": "link.png"}], DEEP,
    {"caption": ["a", {"b": 1}]}, "a.png", "\ud800", "\udcff", "http://127.0.0.1:9/x.png", "file:///etc/passwd",
    "C:\\x", "~", "$HOME", "%2e%2e%2f",
]  # fmt: skip


def damaged(content: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """One to four of: bits flipped, cut off, a piece taken out or doubled, tokens and pieces of other files put in."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        size = len(content)
        at, to = sorted((rng.randint(0, size), rng.randint(0, size)))
        match rng.randrange(9):
            case 0 | 1:
                changed = bytearray(content)
                for _ in range(min(size, rng.choice((1, 2, 8)))):
                    changed[rng.randrange(size)] ^= 1 << rng.randrange(8)
                content = bytes(changed)
            case 2:
                content = content[:at] + rng.choice(TOKENS) + content[at:]
            case 3:
                content = content[:at] + rng.choice(TOKENS) + content[to:]
            case 4:
                content = content[:at]
            case 5:
                content = content[:at] + content[min(to, at + 20) :]
            case 6:
                content = content[:to] + content[at:]
            case 7:
                changed = bytearray(content)
                for place in range(at, min(at + 4, size)):
                    changed[place] = rng.choice((0, 255, 127, 128, rng.randrange(256)))
                content = bytes(changed)
            case 8:
                start = rng.randint(0, len(other))
                content = content[:at] + other[start : start + rng.randrange(200)] + content[at:]
    return content[: 2**20]
