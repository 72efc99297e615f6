"""Cleans news captions, and reports the kinds of changes so that readers can count them. All functions are pure."""

import html
import re
import unicodedata
from collections.abc import Callable
from html.entities import html5

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_RETURN = re.compile(r"\s*\r\s*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200c\u200d"  # zero-width, but kept, as they control how letters and emoji join

BROKEN = "characters that are not UTF-8"
ENTITIES = "HTML entities"
CONTROLS = "control characters"
RETURNS = "carriage returns"
SPACE = "white space"
KINDS = (BROKEN, ENTITIES, CONTROLS, RETURNS, SPACE)


def clean_caption(text: str) -> tuple[str, frozenset[str]]:
    """Return the cleaned caption as a single line, and the kinds of changes made. Idempotent.

    Lone surrogates become U+FFFD; HTML entities that end in a semicolon become their characters; carriage returns and
    the white space around them become spaces; control and format characters (NUL, bidirectional marks, soft hyphens,
    byte-order marks) are removed, except joiners; runs of white space become single spaces. These changes are made in
    this order, and are repeated until none applies, so that `&amp;quot;` becomes a quotation mark.
    """
    changes: set[str] = set()
    while True:
        before = text
        for kind, change in _CHANGES:
            changed = change(text)
            if changed != text:
                changes.add(kind)
                text = changed
        if text == before:
            return text, frozenset(changes)


def _character(entity: re.Match[str]) -> str:
    whole = entity[0]  # `html.unescape` would read `&nothing;` as `&not` and `hing;`
    return html.unescape(whole) if whole[1] == "#" else html5.get(whole[1:], whole)


def _without_controls(text: str) -> str:
    if text.isprintable():  # true for nearly every caption, and much faster than checking every character
        return text
    return "".join(c for c in text if c.isspace() or c in _JOINERS or unicodedata.category(c) not in ("Cc", "Cf"))


_CHANGES: tuple[tuple[str, Callable[[str], str]], ...] = (
    (BROKEN, lambda text: text if text.isascii() else _SURROGATE.sub("\ufffd", text)),
    (ENTITIES, lambda text: _ENTITY.sub(_character, text) if "&" in text else text),
    (RETURNS, lambda text: _RETURN.sub(" ", text).strip(" ") if "\r" in text else text),
    (CONTROLS, _without_controls),
    (SPACE, lambda text: " ".join(text.split())),
)
