"""Sanitising of untrusted text: characters that would hide, reorder or break text are shown as escapes."""

import unicodedata

# Bidirectional controls; joiners are kept because some scripts and emoji need them.
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def shown(text: str) -> str:
    """Return the text with control characters, direction marks, surrogates and unassigned code points escaped."""
    if text.isprintable():  # fast path
        return text
    return "".join(c.encode("unicode_escape").decode() if _is_hidden(c) else c for c in text)


def cut(text: str, limit: int) -> str:
    """Truncate text longer than `limit` characters, and append its full length."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def _is_hidden(character: str) -> bool:
    if character in "\n\t":
        return False
    return ord(character) in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Cn", "Zl", "Zp")
