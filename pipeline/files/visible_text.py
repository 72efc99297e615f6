"""Escapes untrusted text, such as captions and explanations, for display in a terminal."""

import unicodedata

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, limit: int | None = None) -> str:
    """Replace every control, format, bidi and unassigned character of a text by an escape sequence, such as `\\x1b`.

    The result cannot move the cursor, set colours, hide text or reverse it. Unicode spaces become plain spaces.
    Text longer than `limit` characters is cut, and its original length is appended.
    """
    end = ""
    if limit is not None and len(text) > limit:
        text, end = text[:limit], f"… ({len(text):,} characters)"
    if text.isprintable():  # the common case
        return text + end
    return "".join(c if c.isprintable() else _escape(c) for c in text) + end


def _escape(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
