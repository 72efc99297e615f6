"""Cleans generated texts into explanations for training. Cleaning can be repeated later without an LLM."""

import re
import unicodedata
from dataclasses import dataclass

from pipeline.judge.markup import without_markup
from pipeline.judge.preambles import ECHO, FORMATTED, LABEL, PREAMBLE
from pipeline.judge.structured import sentences_of_json

_FENCED = re.compile(r"\A(?:```[\w+-]*\s*)+(.*?)\s*(?:```\s*)*\Z", re.DOTALL)
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "»": "«", "「": "」", "『": "』"}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text.

    Attributes:
        text: the explanation, on one line.
        is_thinking: True if the generated text is nothing but a thinking that never ended.
        has_ended: True if the model ended its turn itself, so that a used-up budget cut off only what came after it.
    """

    text: str
    is_thinking: bool = False
    has_ended: bool = False


def clean(raw_text: str) -> str:
    """Return the explanation in a generated text, as one line of printable characters. Idempotent.

    Removed are thinking and other markup of the chat format, whatever follows the model's turn, a preamble ("Sure! Here
    is ...:"), a repeated caption, a label ("Explanation:"), code fences, surrounding quotes, and control and format
    characters. JSON becomes sentences; white space is collapsed.
    """
    return cleaned(raw_text).text


def cleaned(raw_text: str) -> Cleaned:
    """Return the explanation as `clean` does, with what the markup tells about its end."""
    stripped = _stripped(raw_text)
    if not FORMATTED.search(stripped):  # the usual text; what follows would change nothing
        line = _one_line(stripped)
        if line == stripped or not FORMATTED.search(line):
            return Cleaned(line)
        stripped = line
    text, thinks, ended = without_markup(stripped)
    if echo := ECHO.match(text.strip()):  # turns after the answer are looked for once the caption before it is off
        text, _, ends = without_markup(text.strip()[echo.end() :])
        ended |= ends
    text = _one_line(_unwrapped(text))
    while True:  # until nothing changes, so that cleaning again changes nothing
        again = _one_line(_unwrapped(without_markup(text)[0]))
        if again == text:
            return Cleaned(text, thinks and not text, ended)
        text = again


def _unwrapped(text: str) -> str:
    while True:
        shorter = text.strip()
        shorter = ECHO.sub("", shorter)
        shorter = PREAMBLE.sub("", shorter)
        shorter = LABEL.sub("", shorter)
        sentences = sentences_of_json(shorter)
        if sentences is not None:
            shorter = sentences
        elif fenced := _FENCED.match(shorter):
            shorter = fenced[1]
        if len(shorter) > 1 and shorter[-1] in _QUOTES.get(shorter[0], ()) and not _quotes_within(shorter):
            shorter = shorter[1:-1]
        if shorter == text:
            return text
        text = shorter


def _quotes_within(text: str) -> bool:
    return any(quote in text[1:-1] for quote in (text[0], text[-1]))


def _stripped(text: str) -> str:
    """Return the text without white space, control and format characters at its ends."""
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while start < end and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_blank(character: str) -> bool:
    return character.isspace() or (not character.isprintable() and unicodedata.category(character)[0] == "C")


def _one_line(text: str) -> str:
    """Return the text with white space collapsed, without control and format characters."""
    text = " ".join(text.split())
    if not text.isprintable():  # rare; the test is much faster than checking every character
        text = " ".join("".join(c for c in text if unicodedata.category(c)[0] != "C").split())
    return text
