"""Text from outside, made fit for a terminal: captions and explanations are strangers' words."""

import unicodedata

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, limit: int | None = None) -> str:
    """The text with every control, format, bidi and unassigned character written as its escape, such as `\\x1b`.

    What is left moves no cursor, sets no colour, hides nothing and turns no line around. White space other than the
    line's is a plain space. Past `limit` characters the text is cut and its length said.
    """
    end = ""
    if limit is not None and len(text) > limit:
        text, end = text[:limit], f"… ({len(text):,} characters)"
    if text.isprintable():  # true of nearly all
        return text + end
    return "".join(c if c.isprintable() else _escape(c) for c in text) + end


def _escape(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
