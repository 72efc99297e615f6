"""Decides if the only word of a name that a text has belongs to another person's or a place's name there."""

import re
from difflib import SequenceMatcher
from functools import cached_property

from entityclip.contract.entity_names import is_distinctive
from entityclip.contract.words import word_set, words
from pipeline.judge.caption_name import CaptionName
from pipeline.judge.explanation_words import ExplanationWords
from pipeline.judge.name_parts import (
    COMMON_PARTS,
    COPULAS,
    GIVEN_NAMES,
    KINDS_OF_PLACES,
    OCCUPATIONS,
    OF_PERSONS,
    OF_PLACES,
    PLACES_AS_GIVEN_NAMES,
    ROLES,
    THINGS_OF_PLACES,
    TOPICS,
)
from pipeline.judge.spellings import nicknames, romanised, squashed
from pipeline.judge.words import main_script

_SAY_LITTLE = COMMON_PARTS | ROLES
_INITIALS = str.maketrans("jicqwxz", "yykkvss")  # Yury, Jurij
_NUMERAL = re.compile(r"[IVX]+\.?|[JS]r\.?")
# What leads a king's or a saint's epithet, and what cannot stand between a copula and the noun that it links.
_OF_EPITHETS = frozenset("der die den dem the le la el il of von van de da di".split())
_AFTER_HEADS = word_set(
    "in from for with on at by to who whose which that and but also his her its their my our aus in fur mit auf bei "
    "der dans avec pour qui en con por que per che uit voor met op born living named called"
) - {"der"}
_LONGEST_NAME = 40


class Namesakes:
    """The names of one text, compared with those of one caption."""

    def __init__(self, caption: str, said: ExplanationWords) -> None:
        self._caption = caption
        self._said = said
        self._are_latin = main_script(caption) == said.script == "LATIN"

    def are_meant(self, name: CaptionName, word: str, match: str) -> bool:
        """Return True if the text's only shared word belongs to a person or place of another name there.

        Args:
            word: the word of the name.
            match: the word of the text that is a form of it.
        """
        return self._is_another(name, word, match) or self._is_said_to_be_a_place(name, word, match)

    def _is_said_to_be_a_place(self, name: CaptionName, word: str, match: str) -> bool:
        """Return True if a word of a person's name is the name of a place in the text (`London is the largest city`).

        Names of things may have a place's name in them (`Paris Metro`); a person's has it as its last word, or as one
        of a few given names.
        """
        chunks = [words(chunk) for chunk in name.chunks]
        others = {other for chunk in chunks for other in chunk} - {word}
        is_last = len(chunks) > 1 and chunks[-1] == [word] and not name.chunks[0].isupper()
        is_given = (
            len(chunks) > 1
            and chunks[0] == [word]
            and word in PLACES_AS_GIVEN_NAMES
            and not name.chunks[-1].endswith("s")
        )
        if not (is_last or is_given) or not others.isdisjoint(COMMON_PARTS | THINGS_OF_PLACES | TOPICS):
            return False
        for index, other in enumerate(self._said.words):
            if other != match:
                continue
            after = self._said.words[index + 1 : index + 14]
            copula = next((i for i, one in enumerate(after[:4]) if one in COPULAS), None)
            if copula is None:
                continue
            kind = next((i for i, one in enumerate(after) if i > copula and one in KINDS_OF_PLACES), None)
            if kind is None or not _AFTER_HEADS.isdisjoint(after[copula + 1 : kind]):
                continue
            if any(one == "of" and after[i - 1] != "one" for i, one in enumerate(after[:kind])):
                continue
            while kind + 1 < len(after) and after[kind + 1] in KINDS_OF_PLACES:
                kind += 1
            following = after[kind + 1] if kind + 1 < len(after) else ""
            if after[kind] in self._possessors or following in ROLES or following in TOPICS:
                continue  # the country's best player, a country singer
            return True
        return False

    def _is_another(self, name: CaptionName, word: str, match: str) -> bool:
        """Return True if names around the shared word in the text, or its epithet, are not the name's."""
        ends = [words(chunk) for chunk in name.chunks if not _NUMERAL.fullmatch(chunk)]
        first, last = bool(ends) and word in ends[0], bool(ends) and word in ends[-1]
        rest = [
            other
            for chunk in name.chunks
            if not chunk.islower()
            for other in words(chunk)
            if other != word and len(other) > 1 and other not in _SAY_LITTLE and other not in OF_PERSONS
        ]
        chunks = {part for chunk in name.chunks for part in words(chunk)}
        for run in self._said.runs:
            if not any(match in chunk.casefold() or not chunk.isascii() for chunk in run):
                continue
            parts = [words(chunk) for chunk in run]
            for index, part in enumerate(parts):
                if match not in part:
                    continue
                if self._is_of_another_kind(chunks, parts, index):
                    return True
                before = [words_[0] for words_ in parts[:index] if words_ and is_distinctive(words_[0])] if last else []
                after = [words_[0] for words_ in parts[index + 1 : index + 2] if words_ and is_distinctive(words_[0])]
                if first and after and self._is_other_hyphenated(name, parts[index + 1]):
                    return True
                if (
                    rest
                    and before
                    and (self._said.is_english or index == 1)
                    and all(self._differs(other, rest, name) for other in before)
                ):
                    return True
                if rest and first and after and all(self._differs(other, rest, name) for other in after):
                    return True
                if (
                    rest
                    and last
                    and not first
                    and index == 0
                    and len(parts) > 2
                    and [len(initial) for initial in parts[1]] == [1]
                    and all(self._differs(other, rest, name) for other in parts[2][:1])
                ):
                    return True  # Rutherford B. Hayes is not Ernest Rutherford
                if rest and last and not first and index == 0 and after and word in GIVEN_NAMES:
                    return True  # Harrison Ford is not George Harrison
                titled = [other for words_ in parts[:index] for other in words_ if other in OF_PERSONS]
                if first and not last and titled and not after and OF_PERSONS.isdisjoint(words(self._caption)):
                    return True  # Queen Elizabeth is not Elizabeth Warren
        if rest and first and not last:
            for index, other in enumerate(self._chunks[:-2]):
                if self._chunks[index + 1] in _OF_EPITHETS and words(other) == [match]:
                    epithet = self._chunks[index + 2]
                    joined = squashed(self._chunks[index + 1] + epithet)
                    if (
                        epithet[:1].isupper()
                        and joined not in rest  # Leonardo di Caprio
                        and not any(
                            one in words(self._caption) or self._may_be(one, two)
                            for one in words(epithet)[:1]
                            for two in rest
                        )
                    ):
                        return True  # Heinrich der Löwe is not Heinrich Heine
        return False

    def _is_of_another_kind(self, name: set[str], parts: list[list[str]], index: int) -> bool:
        """Return True for Queen Victoria if Lake Victoria is meant, and the reverse."""
        around = {other for part in parts[:index] + parts[index + 1 : index + 2] for other in part}
        if not name.isdisjoint(OF_PLACES) and name.isdisjoint(OF_PERSONS):
            return not around.isdisjoint(OF_PERSONS) and around.isdisjoint(OF_PLACES)
        if not name.isdisjoint(OF_PERSONS) and name.isdisjoint(OF_PLACES):
            return not around.isdisjoint(OF_PLACES) and around.isdisjoint(OF_PERSONS)
        return False

    def _differs(self, other: str, rest: list[str], name: CaptionName) -> bool:
        """Return True if a word next to the shared one is surely none of the name's other words."""
        if other in COMMON_PARTS or other in OCCUPATIONS or other in words(self._caption):
            return False
        if any(other == squashed(chunk) for chunk in name.chunks):  # OReilly
            return False
        kin = {*nicknames(other)}
        return not any(self._may_be(other, word) or word in kin for word in rest)

    def _is_other_hyphenated(self, name: CaptionName, part: list[str]) -> bool:
        """Return True for Jong-il if Dae-jung is meant: given names of two syllables are compared as a whole."""
        own = [words(chunk) for chunk in name.chunks[1:]]
        if len(part) != 2 or len(own) != 1 or len(own[0]) != 2 or self._said.script != "LATIN":
            return False
        return not self._may_be(part[0], own[0][0]) and not self._may_be("".join(part), "".join(own[0]))

    def _may_be(self, other: str, word: str) -> bool:
        """Return True if two words may be forms of one, of which the first letter is the same in any spelling."""
        if other == word:
            return True
        if _initial(other) != _initial(word):
            return False
        if not self._are_latin:
            return True
        one, another = romanised(other).translate(_INITIALS), romanised(word).translate(_INITIALS)
        if max(len(one), len(another)) > _LONGEST_NAME:
            return False
        return one[:3] == another[:3] or SequenceMatcher(None, one, another).ratio() >= 0.5

    @cached_property
    def _possessors(self) -> frozenset[str]:
        return frozenset(re.findall(r"\b(\w+)['\u2019]s\b", self._said.text.casefold()))

    @cached_property
    def _chunks(self) -> list[str]:
        return self._said.text.split()


def _initial(word: str) -> str:
    return romanised(word)[:1].translate(_INITIALS)
