"""Cleans news captions, and reports the kinds of changes so that readers can count them. All functions are pure."""

import html
import itertools
import re
import unicodedata
from collections.abc import Callable
from html.entities import html5

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AMPERSANDS = re.compile(r"&(?:(?:amp|AMP|#0{0,5}38|#[xX]0{0,4}26);)+")  # all levels of `&amp;amp;` at once
_MOST_REPEATS = 30
_NO_NESTING = {ord("&"): None, ord("<"): None}
_RETURN = re.compile(r"\s*\r\s*")
# Only known tags: `<end>`, `</s>` and `2 < 3` are text. Attributes are limited, so that unclosed tags take linear time.
_BREAKS = "p|br|div|li|ul|ol|dl|dt|dd|td|th|tr|table|tbody|thead|hr|h[1-6]|blockquote|figure|figcaption|section|article"
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|center|cite|code|del|dfn|em|font|i|img|ins|kbd|mark|nobr|q|samp|small|span|strike|"
    "strong|sub|sup|tt|u|var|wbr|time|iframe|o:p"
)
_ATTRIBUTES = r"""(?:\s(?:[^<>"']|"[^"<]{0,2000}+"|'[^'<]{0,2000}+'){0,2000}+(?=>)|\s[^<>]{0,2000}+)?"""
_BREAK = re.compile(rf"</?(?:{_BREAKS}){_ATTRIBUTES}/?>|<!--.{{0,1000}}?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}/?>", re.IGNORECASE)
_SCRIPT = re.compile(r"<(script|style)\b[^<>]{0,2000}>.{0,1000}?</\1\s*>", re.IGNORECASE | re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200c\u200d"  # zero-width, but kept, as they control how letters and emoji join

BROKEN = "characters that are not UTF-8"
ENTITIES = "HTML entities"
CONTROLS = "control characters"
RETURNS = "carriage returns"
SPACE = "white space"
TAGS = "HTML tags"
KINDS = (BROKEN, ENTITIES, TAGS, CONTROLS, RETURNS, SPACE)


def clean_caption(text: str, *, has_html: bool = False) -> tuple[str, frozenset[str]]:
    """Return the cleaned caption as a single line, and the kinds of changes made. Idempotent.

    Lone surrogates become U+FFFD; HTML entities that end in a semicolon become their characters; carriage returns and
    the white space around them become spaces; with `has_html`, HTML's tags, comments and scripts are removed (`<end>`
    and other names are text); control and format characters (NUL, bidirectional marks, soft hyphens, byte-order marks)
    are removed, except joiners; runs of white space become single spaces. These changes are made in this order, and are
    repeated until none applies, so that `&amp;quot;` becomes a quotation mark. What is nested more than 30 deep loses
    its `&` and `<`.
    """
    changes: set[str] = set()
    for repeats in itertools.count():
        before = text
        if repeats == _MOST_REPEATS:  # nested so often on purpose: each repeat would cost time for the whole text
            text = text.translate(_NO_NESTING)
        for kind, change in _CHANGES_OF_HTML if has_html else _CHANGES:
            changed = change(text)
            if changed != text:
                changes.add(kind)
                text = changed
        if text == before:
            return text, frozenset(changes)
    raise AssertionError("the count does not end")


def _without_entities(text: str) -> str:
    return _ENTITY.sub(_character, _AMPERSANDS.sub("&", text)) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    whole = entity[0]  # `html.unescape` would read `&nothing;` as `&not` and `hing;`
    return html.unescape(whole) if whole[1] == "#" else html5.get(whole[1:], whole)


def _without_tags(text: str) -> str:
    if "<" not in text or ">" not in text:
        return text
    return _TAG.sub("", _BREAK.sub(" ", _SCRIPT.sub(" ", text)))


def _without_controls(text: str) -> str:
    if text.isprintable():  # true for nearly every caption, and much faster than checking every character
        return text
    return "".join(c for c in text if c.isspace() or c in _JOINERS or unicodedata.category(c) not in ("Cc", "Cf"))


_CHANGES: tuple[tuple[str, Callable[[str], str]], ...] = (
    (BROKEN, lambda text: text if text.isascii() else _SURROGATE.sub("\ufffd", text)),
    (ENTITIES, _without_entities),
    (RETURNS, lambda text: _RETURN.sub(" ", text).strip(" ") if "\r" in text else text),
    (CONTROLS, _without_controls),
    (SPACE, lambda text: " ".join(text.split())),
)
_CHANGES_OF_HTML = (*_CHANGES[:2], (TAGS, _without_tags), *_CHANGES[2:])
