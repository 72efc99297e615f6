"""Recognises texts that tell nothing about any entity because the LLM declines, does not know, or asks back.

A text is split into clauses. A clause *declines* if it matches a phrase of `refusal_phrases`, such as "I don't know who
... is", "there is no information about" or a name followed by "unknown"; it is *filler* if it asks, advises, guesses or
talks about the speaker or the caption. The text is refused if a clause declines, or if there is nothing but filler, and
no clause *tells* anything: mentions a name of the caption and adds words of its own, or adds many.

Phrases are no refusal where they are quoted, are part of the caption, or are written as a title (`I Can't Explain`).
"""

import re
from itertools import pairwise

from entityclip.contract.words import words
from pipeline.judge.refusal_phrases import (
    ADVERSATIVE,
    ADVISES,
    APPOSITION,
    ASKS,
    CLAUSE_END,
    DECLINES,
    DECLINES_ELSEWHERE,
    DECLINES_IN_OTHER_SCRIPTS,
    FILLER,
    FILLER_ELSEWHERE,
    GUESSES,
    INTERROGATIVE,
    META_WORDS,
    PRONOUN,
    QUOTED,
    SENTENCE_END,
    STATES,
    TELLS,
    TRIGGERS,
    TRIGGERS_ELSEWHERE,
    UNKNOWN,
    VAGUE,
    WHOLE_ANSWERS,
)
from pipeline.judge.words import ALL_STOP_WORDS, DISTINCTIVE_WORDS, ENGLISH_MARKS

_N_A = re.compile(r"\b[nN]/[aA]\b|\bk\. ?A\.")
_SHARED_MARKS = frozenset({"is", "was", "i", "of", "for", "had", "have", "my", "it", "that"})  # also Dutch, Danish ...
_SLOT_MARKS = ("?", "[", "<", "--", "\u2014", "...", "\u2026", "__", "TB")
_EMPTY_SLOT = re.compile(
    r"(?<=[\w)*])\s*[:=\u2013\u2014-]\s*[*_]*(?:\?+|-+|[\u2013\u2014\u2026]|\.{3}|_+|\[[^\]]{0,80}\]|<[^>]{0,80}>|TB[DA])(?=\W|$)"
)
_BRACKETED = re.compile(r"\[[^\]]{0,80}\]|<[^>]{0,80}>|\bTB[DA]\b")
_LONGEST_WHOLE_ANSWER = 60
_LONG = 4  # new words that a clause without a name must add to tell anything


def is_refusal(text: str, caption: str = "", text_words: list[str] | None = None) -> bool:
    """Return True if the text tells nothing about any entity because the LLM declines, does not know, or asks back.

    Args:
        text: a cleaned text.
        text_words: its words, if they are known.
    """
    found = words(text) if text_words is None else text_words
    if len(text) < _LONGEST_WHOLE_ANSWER and WHOLE_ANSWERS.fullmatch(text):
        return True
    if any(mark in text for mark in _SLOT_MARKS) and _EMPTY_SLOT.search(text) and _has_only_slots(text, caption):
        return True
    english = _is_english(found)
    if TRIGGERS.isdisjoint(found) and (
        english or (_is_latin(text) and not _N_A.search(text) and TRIGGERS_ELSEWHERE.isdisjoint(found))
    ):  # the usual text
        return False
    return _Reading(caption, english, latin=_is_latin(text)).is_refusal(
        text.replace("\u2019", "'").replace("\u02bc", "'")
    )


def _has_only_slots(text: str, caption: str) -> bool:
    """Return True if a text names entities and leaves what it should tell about them empty (`Cem Aksoy: ?`)."""
    known = {*words(caption), *ALL_STOP_WORDS, *META_WORDS}
    return known.issuperset(words(_BRACKETED.sub(" ", text)))


def _is_english(found: list[str]) -> bool:
    marks = [word for word in found if word in ENGLISH_MARKS]
    if len(marks) < 2 or len(marks) * 10 < len(found):
        return False
    return not _SHARED_MARKS.issuperset(marks) or not any(DISTINCTIVE_WORDS.get(word, "en") != "en" for word in found)


def _is_latin(text: str) -> bool:
    """Return True if no letter is of a script without Latin's accents; rough, but fast."""
    return (
        text.isascii()
        or max(text) < "\u0370"
        or not any("\u0370" <= c < "\u1e00" or "\u2e80" <= c < "\ufb00" for c in text)
    )


class _Reading:
    """Reads a text clause by clause, knowing the caption's words."""

    def __init__(self, caption: str, english: bool, *, latin: bool = True) -> None:
        self._caption = caption.replace("\u2019", "'").casefold()
        caption_words = words(caption)
        self._known = set(caption_words)
        mentioned = caption_words
        if caption.upper() != caption != caption.lower():  # journalists are no name
            mentioned = [word for chunk in caption.split() if not chunk.islower() for word in words(chunk)] or mentioned
        self._names = {word for word in mentioned if word not in ALL_STOP_WORDS and word not in META_WORDS}
        self._english = english
        self._longest_request = _LONG + 1 if english else _LONG + 4 if latin else 4 * _LONG
        self._declining = [DECLINES] if english else [DECLINES, DECLINES_ELSEWHERE]
        self._declining += [] if latin else [DECLINES_IN_OTHER_SCRIPTS]
        self._unbounded = not caption.isascii() and any(
            "\u0e00" <= c <= "\u0eff" or "\u3040" <= c <= "\uffef" for c in caption
        )

    def is_refusal(self, text: str) -> bool:
        """Return True if a clause declines, or all are filler, and no clause tells anything."""
        declined = asked = told = False
        labelled = False  # whether the sentence before is only a name, as in a list
        for sentence in SENTENCE_END.split(_without_quotes(text)):
            is_named = False  # by the clause before it, which declines
            covered = False  # by a clause before it in the sentence that declines or is filler
            asks = sentence.rstrip().endswith("?")
            names, new = labelled, 0  # whether a clause before mentions a name, and new words since
            clauses = _clauses(sentence)
            labelled = self._mentions(sentence) and self._known.issuperset(words(sentence))
            if len(clauses) > 1 and not asks and INTERROGATIVE.match(clauses[0]):
                del clauses[0]  # who somebody is: what follows tells whether that is known
            for clause in clauses:
                if ADVERSATIVE.match(clause):
                    covered = False
                if match := self._declines(clause):
                    if self._english and self._tells(clause[: match.start()], covered):
                        return False  # elsewhere, the object may precede the verb
                    declined = covered = True
                    is_named = self._mentions(clause)
                elif self._is_filler(clause):
                    told = told or (
                        len(self._new(clause)) >= self._longest_request and not declined and not ADVISES.search(clause)
                    )
                    asked = covered = True
                elif is_named and APPOSITION.match(clause) and len(self._new(clause)) > 2:
                    return False  # Little is known about Area 51, a fenced airbase in the desert.
                elif not asks:
                    if names := names or self._mentions(clause) or (not covered and PRONOUN.match(clause) is not None):
                        new += len(self._new(clause))
                        if new >= (3 if covered else 2):
                            return False
                    elif self._tells(clause, covered):
                        told = told or not GUESSES.search(sentence)
            asked = asked or asks
        return (declined or asked) and not told

    def _declines(self, clause: str) -> re.Match[str] | None:
        for pattern in self._declining:
            for match in pattern.finditer(clause):
                if not self._is_title(clause, match):
                    return match
        unknown = UNKNOWN.search(clause)
        if unknown is None or self._is_title(clause, unknown) or self._new(clause[unknown.end() :]):
            return None
        return unknown if len(self._new(clause[: unknown.start()])) <= 1 else None

    def _is_title(self, clause: str, match: re.Match[str]) -> bool:
        """Return True if the phrase is part of the caption, or written as a title (`Sorry We Missed You`)."""
        phrase = match[0].strip(" ,.:").casefold()
        before, after = clause[: match.start()].split()[-1:], clause[match.end() :].split()[:1]
        longer = [" ".join([*before, phrase]), " ".join([phrase, *after]).rstrip(".,:")]
        if any(len(one.split()) > 1 and one.casefold() in self._caption for one in (phrase, *longer)):
            return True
        if after and phrase in self._known and after[0].casefold() in ("is", "was", "are", "were"):
            return True
        found = re.findall(r"[^\W\d_][\w']*", match[0])
        if (
            0 < len(found) < 3
            and after
            and after[0][0].isupper()
            and after[0][:2] not in ("I", "I'")
            and all(word[0].isupper() for word in found)
            and not self._mentions(after[0])
        ):
            return True
        return len(found) > 1 and all(word[0].isupper() for word in found) and not match[0].isupper()

    def _is_filler(self, clause: str) -> bool:
        if TELLS.search(clause) or (STATES.search(clause) and self._mentions(clause) and len(self._new(clause)) > 2):
            return False
        for pattern in (FILLER, ASKS) if self._english else (FILLER, ASKS, FILLER_ELSEWHERE):
            match = pattern.search(clause)
            if match and not self._is_title(clause, match):
                return True
        if VAGUE.search(clause) and len(self._new(clause)) < 3:
            return True
        return bool(GUESSES.search(clause)) and self._english

    def _tells(self, clause: str, covered: bool) -> bool:
        new = self._new(clause)
        if self._mentions(clause):
            return len(new) >= (3 if covered else 2)
        return not covered and len(new) >= (_LONG if self._english else _LONG + 3)

    def _new(self, clause: str) -> list[str]:
        """Return the clause's words that are neither in the caption nor stop words nor about the caption itself."""
        return [
            word
            for word in words(clause)
            if word not in self._known
            and word not in ALL_STOP_WORDS
            and word not in META_WORDS
            and len(word) > (1 if word.isascii() else 0)
        ]

    def _mentions(self, clause: str) -> bool:
        found = set(words(clause))
        if self._unbounded:
            return _shares_a_pair(self._caption, clause.casefold())
        if not self._names.isdisjoint(found):
            return True
        stems = {name[: max(4, len(name) - 2)] for name in self._names if len(name) > 3}
        return any(word.startswith(stem) for word in found if len(word) > 3 for stem in stems)


def _shares_a_pair(caption: str, clause: str) -> bool:
    letters = [c if (c.isalpha() and ord(c) > 0x2E7F) or "\u0e00" <= c <= "\u0eff" else " " for c in caption]
    return any(a != " " and b != " " and a + b in clause for a, b in pairwise(letters))


def _clauses(sentence: str) -> list[str]:
    return [clause for clause in (part.strip() for part in CLAUSE_END.split(sentence)) if clause]


def _without_quotes(text: str) -> str:
    shorter = QUOTED.sub(" ", text)
    return shorter if sum(c.isalpha() for c in shorter) >= 8 else text
