"""Strangers' words, made fit for a page: what would hide, turn round or break a text is shown as its escape."""

import unicodedata

# They turn the words around them round; joiners and the like are left, as scripts and emoji need them.
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}
_KEPT = "\n\t"


def shown(text: str) -> str:
    """The text with controls, direction marks, surrogates and what is no character as escapes, such as `\\u202e`."""
    if text.isprintable():  # true of nearly all
        return text
    return "".join(_escape(c) if _is_hidden(c) else c for c in text)


def cut(text: str, limit: int) -> str:
    """At most so many characters, and then how many there are."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def _is_hidden(character: str) -> bool:
    if character in _KEPT:
        return False
    return ord(character) in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Cn", "Zl", "Zp")


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
