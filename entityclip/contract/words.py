"""Splits texts into normalised words, so that the judge and evaluation can compare captions with explanations."""

import re
import unicodedata
from functools import lru_cache
from itertools import chain

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
# The last are modifier letters such as the Hawaiian okina, which many texts leave out.
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
    | dict.fromkeys("\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf")
)
_LONGEST_CACHED = 40  # characters; a text without spaces is a single long chunk, which is unlikely to recur


def words(text: str) -> list[str]:
    """Split a text into case-folded words, without diacritics, okinas and possessive 's.

    Chinese and Japanese text is split into characters.
    """
    chunks = text.split()
    fold = _cached if max(map(len, chunks), default=0) <= _LONGEST_CACHED else words_of_chunk
    return list(chain.from_iterable(map(fold, chunks)))


def word_set(text: str) -> frozenset[str]:
    """Return the distinct words of a text."""
    return frozenset(words(text))


def words_of_chunk(chunk: str) -> tuple[str, ...]:
    """Return the words of a text without spaces, such as `Al-Assad's`."""
    return _cached(chunk) if len(chunk) <= _LONGEST_CACHED else _fold(chunk)


def _fold(chunk: str) -> tuple[str, ...]:
    folded = chunk.casefold()
    if not folded.isascii():
        marked = unicodedata.normalize("NFKD", folded).translate(_UNDECOMPOSED)
        bare = "".join(c for c in marked if unicodedata.category(c) != "Mn")
        folded = unicodedata.normalize("NFC", bare).casefold()
    return tuple(_WORD.findall(_POSSESSIVE.sub("", folded)))


_cached = lru_cache(maxsize=1 << 16)(_fold)
