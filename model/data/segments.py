"""Splits an explanation into segments, usually one for each entity: our extension to the paper.

An explanation of several entities is a list of descriptions. Embedded as one text, its embedding lies between them, and
what exceeds CLIP's context length is lost. Embedded segment by segment, each description is read whole.
"""

import re
from collections.abc import Callable

_LINE_OR_BULLET = re.compile(r"\s*(?:[\r\n]+|\s[•▪‣]\s)\s*")
_APART = re.compile(r"(?<=\S)\s+[.,;]\s+(?=\S)")  # punctuation that stands apart, as in tokenised texts
_WIDE = "\u3002\uff01\uff1f\uff1b"  # full stop, exclamation and question mark, semicolon of Chinese and Japanese
_OTHER = "\u0964\u061f\u06d4"  # danda of Hindi, question mark of Arabic, full stop of Urdu
_SENTENCE = re.compile(
    rf"(?<=[.!?;\u2026])[\"'\u201d\u2019\u00bb)\]]*\s+(?=[^\s\W])|(?<=[{_WIDE}])\s*(?=\S)|(?<=[{_OTHER}])\s+(?=\S)"
)
_LAST_WORD = re.compile(r"([^\W_][\w.\u2019'-]*)[.]$")
_ABBREVIATIONS = frozenset(
    "dr mr mrs ms st jr sr prof gen col lt sgt capt sen rep gov rev hon no vs etc e.g i.e approx ca inc ltd co corp "
    "bros mt ft u.s u.k ph.d m.d b.c a.d jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_FEWEST_WORDS = 3  # shorter pieces are part of the next segment, such as a name that is its own line


def segments(explanation: str) -> list[str]:
    """Return the segments of an explanation: its lines, list items and sentences; at least one, if it has any text.

    A full stop after an abbreviation, an initial or the number of a list item ends no sentence, nor does one before a
    lower-case word. Punctuation that stands apart (` , `) separates in any case. A segment of fewer than three words
    is joined to the next one.
    """
    pieces = [
        sentence
        for line in _LINE_OR_BULLET.split(explanation)
        for part in _APART.split(line)
        for sentence in _sentences(part.strip())
    ]
    joined: list[str] = []
    for piece in pieces:
        if joined and len(joined[-1].split()) < _FEWEST_WORDS and joined[-1].isascii():
            joined[-1] = f"{joined[-1]} {piece}"
        else:
            joined.append(piece)
    if len(joined) > 1 and len(joined[-1].split()) < _FEWEST_WORDS and joined[-1].isascii():
        last = joined.pop()
        joined[-1] = f"{joined[-1]} {last}"
    return joined


def segments_that_fit(explanation: str, fits: Callable[[list[str]], list[bool]]) -> list[str]:
    """Return the segments of an explanation, those that do not fit the context length halved between words.

    Args:
        fits: returns for each of several texts whether it fits. A word that does not fit is halved, too.
    """
    found = segments(explanation)
    while True:
        fitting = fits(found)
        halved = [part for text, fit in zip(found, fitting, strict=True) for part in ([text] if fit else _halves(text))]
        if halved == found:
            return found
        found = halved


def _sentences(text: str) -> list[str]:
    found, start = [], 0
    for end in _SENTENCE.finditer(text):
        before, after = text[start : end.start()], text[end.end() : end.end() + 1]
        if text[end.start() - 1] in ".…" and (after.islower() or _is_abbreviation(before)):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    return [piece for piece in (*found, text[start:].strip()) if piece]


def _is_abbreviation(text: str) -> bool:
    word = _LAST_WORD.search(text)
    if word is None:
        return False
    letters = word[1].rstrip(".")
    return len(letters) == 1 or letters.lower() in _ABBREVIATIONS or (letters.isdigit() and len(letters) < 3)


def _halves(text: str) -> list[str]:
    words = text.split()
    if len(words) < 2:
        middle = len(text) // 2
        return [text[:middle], text[middle:]] if middle else [text]
    middle = len(words) // 2
    return [" ".join(words[:middle]), " ".join(words[middle:])]
