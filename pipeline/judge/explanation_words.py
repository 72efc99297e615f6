"""The words of an explanation, in the forms in which names are looked for; each is made when it is first needed."""

import re
from functools import cached_property

from entityclip.contract.entity_names import name_runs
from entityclip.contract.words import words
from pipeline.judge.spellings import squashed
from pipeline.judge.words import ALL_STOP_WORDS, ENGLISH_MARKS, main_script

SPELT_BY_SOUND = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "GEORGIAN"})


class ExplanationWords:
    """A text and its words.

    Attributes:
        text: the explanation.
        words: its words, as `entityclip.contract.words` gives them.
        known: the same as a set.
        script: the script of most of its letters.
    """

    def __init__(self, text: str, text_words: list[str]) -> None:
        self.text = text
        self.words = text_words
        self.known = set(text_words)
        self.script = main_script(text)

    def has_phrase(self, phrase: str) -> bool:
        """Return whether the text has a phrase, given without case and diacritics; a short one only in capitals."""
        if not phrase.isascii() and " " not in phrase:
            return phrase in self.text.casefold()
        if len(phrase) < 4 and phrase.isascii():  # `us`, `who`
            return phrase.upper() in self.acronyms
        return f" {phrase} " in self.spaced

    @cached_property
    def runs(self) -> list[list[str]]:
        """The text's names, each as its words as they are written."""
        return [run for run, _ in name_runs(self.text)]

    @cached_property
    def is_english(self) -> bool:
        """Whether the text has at least two words that only English has."""
        return sum([word in ENGLISH_MARKS for word in self.words]) > 1

    @cached_property
    def capitalised(self) -> frozenset[str]:
        """The text's words with capitals, whole and in parts; all its words if its script has no case."""
        if self.script not in SPELT_BY_SOUND:
            return frozenset(self.known)
        chunks = re.findall(r"[^\W\d_][\w'\u2019\u02bb\u02bc-]*", self.text)
        capitals = [chunk for chunk in chunks if any(c.isupper() for c in chunk)]
        return frozenset([*words(" ".join(capitals)), *(squashed(chunk) for chunk in capitals)]) - ALL_STOP_WORDS - {""}

    @cached_property
    def acronyms(self) -> frozenset[str]:
        """The text's words in capitals of two to six letters, without full stops."""
        return frozenset(
            chunk.replace(".", "") for chunk in re.findall(r"\b(?:[^\W\d_]\.){2,}|\b[^\W\d_a-z]{2,6}s?\b", self.text)
        )

    @cached_property
    def initials(self) -> frozenset[str]:
        """The initials of each run of words in the text that may be a name spelt out."""
        found: set[str] = set()
        chunks = re.findall(r"[^\W\d_][^\W_]*", self.text)
        for start, chunk in enumerate(chunks):
            if not chunk[0].isupper():
                continue
            all_letters = letters = ""
            for other in chunks[start : start + 9]:
                all_letters += other[0].casefold()
                letters += other[0].casefold() if other[0].isupper() else ""
                found |= {all_letters, letters}
        return frozenset(found)

    @cached_property
    def spaced(self) -> str:
        """The words with a space before and after each, to look phrases up in."""
        return f" {' '.join(self.words)} "

    @cached_property
    def squashed_chunks(self) -> list[str]:
        """The words of the text squashed, compounds whole."""
        return [squashed(chunk) for chunk in self.text.split()]
