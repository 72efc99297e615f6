"""Escapes untrusted text, such as captions and explanations, for display in a terminal."""

import unicodedata


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


def visible_lines(text: str) -> str:
    """Do the same with a text of several lines, whose line feeds stay."""
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


def _escape(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else repr(character)[1:-1]
