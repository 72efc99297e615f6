"""Counts how many of a caption's names an explanation mentions, in any usual spelling.

A name counts as mentioned if a word of it occurs that is more than a common part of names (Lake, Museum), also as an
adjective (France, French), declined, transliterated (Gaddafi, Qaddafi), without diacritics, hyphens and apostrophes, as
initials or spelt out (UN, United Nations), or in another usual form (Munich, München). It does not count if the word
belongs to another name there, be it a person's or a place's: Serena Williams is not Vanessa Williams, and London is not
Jack London.
"""

import re
from functools import cached_property
from itertools import pairwise

from entityclip.contract.entity_names import is_distinctive, name_runs, names_in
from entityclip.contract.words import word_set, words
from pipeline.judge.caption_name import CaptionName
from pipeline.judge.explanation_words import SPELT_BY_SOUND, ExplanationWords
from pipeline.judge.name_parts import (
    COMMON_NOUNS,
    COMMON_PARTS,
    COMMON_STARTS,
    LONGER_NAMES,
    OF_PERSONS,
    OF_PLACES,
    ROLES,
    TITLES,
    TOPICS,
)
from pipeline.judge.namesakes import Namesakes
from pipeline.judge.other_scripts import is_generic_han, may_sound_like
from pipeline.judge.spellings import (
    aliases,
    are_confused,
    is_inflected,
    romanised,
    sounds_alike,
    squashed,
    stems,
    translations,
)
from pipeline.judge.words import ALL_STOP_WORDS, CHARACTERS, main_script

_SAY_LITTLE = COMMON_PARTS | ROLES
_ELIDED = re.compile(r"\b([dl])(?=[A-ZÀ-Þ][a-zà-þ]{2})")
_KINDS = OF_PERSONS | OF_PLACES
_ROLES_IN_HAN = (
    "总统|總統|总理|總理|主席|首相|大統領|国王|国王|女王|皇帝|部长|部長|市长|市長|知事|议员|議員|教授|教練|教练|导演|導演|監督|"
    "演员|演員|俳優|女優|歌手|选手|選手|球员|球員|记者|記者|学生|學生|警察|市民|游客|遊客|球迷|比赛|比賽|試合|会场|會場|発表会"
)
_INDEFINITE = word_set(
    "ein eine einen einem einer eines kein keine sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer"
)


def misses_entities(text: str, text_words: list[str], caption: str, share: float) -> bool:
    """Return True if the text mentions less than `share` of the caption's names.

    Returns False if the caption has no names, or if its script and the text's cannot be compared.

    Args:
        text_words: the words of `text`, as `entityclip.contract.words` gives them.
        share: threshold between 0 and 1; 0 is off.
    """
    if share <= 0:
        return False
    names = names_in(caption)
    if names:
        known = set(text_words)
        has_kinds = not known.isdisjoint(_KINDS)
        enough = share * len(names)
        for name in names:
            if name in LONGER_NAMES:
                continue
            if len(found := name & known) == len(name) > has_kinds or len(found - _SAY_LITTLE) > 1:
                enough -= 1
                if enough <= 0:  # the usual text
                    return False
    elif caption.isascii() and caption.islower() and not set(text_words).isdisjoint(_content(caption)):
        return False  # a caption without case has unknown names; repeating any word counts
    return _Comparison(caption, text, text_words, share).mentioned_share() < share


def _is_doubtful(run: tuple[list[str], bool]) -> bool:
    return run[1]


def _content(caption: str) -> list[str]:
    """Return the words of a caption that may belong to a name."""
    return [
        word
        for word in words(caption)
        if word not in ALL_STOP_WORDS
        and word not in COMMON_STARTS
        and word not in COMMON_NOUNS
        and is_distinctive(word)
        and not word.isdigit()
    ]


def _without_german_nouns(caption: str, runs: list[tuple[list[str], bool]]) -> list[tuple[list[str], bool]]:
    """Leave out words of a caption that has an article which only a common noun has (`ein Bauer`)."""
    first, *_ = words(caption) or [""]
    if first not in _INDEFINITE:
        return runs
    chunks = [words(chunk) for chunk in caption.split()]
    nouns = {tuple(noun) for before, noun in pairwise(chunks) if len(before) == 1 and before[0] in _INDEFINITE}
    nouns |= {
        tuple(noun)
        for before, adjective, noun in zip(chunks, chunks[1:], chunks[2:], strict=False)
        if len(before) == 1 and before[0] in _INDEFINITE and "".join(adjective).endswith(("e", "er", "es", "en", "em"))
    }
    kept = []
    for run, doubtful in runs:
        names = run[1:] if words(run[0]) == [first] else run
        if names and (len(names) > 1 or tuple(words(names[0])) not in nouns):
            kept.append((names, doubtful))
    return kept


class _Comparison:
    """Looks for the names of one caption in one text."""

    def __init__(self, caption: str, text: str, text_words: list[str], share: float = 1.0) -> None:
        self._share = share
        self._caption = _ELIDED.sub(r"\1'", caption)  # `Cote dIvoire`
        self._caption_script = main_script(caption)
        self._said = ExplanationWords(text, text_words)

    def mentioned_share(self) -> float:
        """Return the share of the caption's names that the text mentions; 1 if that cannot be told."""
        caption, alike = self._caption, self._caption_script == self._said.script
        if caption.upper() != caption != caption.lower():
            if not alike and self._said.script not in SPELT_BY_SOUND:
                return self._share_of_sounds_in_text()
            return self._share_of_names(alike)
        if self._caption_script in CHARACTERS:
            if self._said.script in CHARACTERS:
                return self._share_of_segments()
            return self._share_of_sounds()
        if not alike and not {self._caption_script, self._said.script} <= SPELT_BY_SOUND:
            return self._share_of_sounds()
        content = _content(caption)
        if not content:
            return 1.0
        if (
            caption == caption.lower()
            and self._caption_script == "LATIN"
            and not _has_title(words(caption))
            and all(map(_is_doubtful, name_runs(self._said.text)))
        ):
            return 1.0  # neither has a name that would show it: the caption may have none
        anywhere = not caption.isupper() or not any(map(str.islower, self._said.text))  # a name keeps its capitals
        return float(any(self._has(word, anywhere=anywhere) for word in content) or self._has_form(" ".join(content)))

    def _share_of_names(self, alike: bool) -> float:
        runs = _without_german_nouns(self._caption, name_runs(self._caption))
        if not runs:
            return 1.0
        sure = [name for run, doubtful in runs if not doubtful and (name := CaptionName(run)).words]
        mentioned = sum([self._clearly_mentions(name) for name in sure])
        if sure and alike and mentioned >= self._share * len(sure):
            return mentioned / len(sure)
        mentioned = sum([self._mentions(name) for name in sure])
        perhaps = [
            name
            for run, doubtful in runs
            if doubtful
            and (name := CaptionName(run)).words
            and not (COMMON_STARTS | COMMON_PARTS).intersection(name.words)
        ]
        first = sum([self._mentions(name) for name in perhaps])
        if not sure:
            if first or not perhaps or self._repeats_caption():
                return 1.0
            return 0.0
        if not alike:
            return float(mentioned + first > 0)
        return (mentioned + first) / (len(sure) + first)

    def _repeats_caption(self) -> bool:
        """Return True if the text has a word of a caption without sure names, or that word may be no name."""
        content = [w for w in words(self._caption) if len(w) > 2 and is_distinctive(w) and w not in ALL_STOP_WORDS]
        return any(self._has(word, anywhere=True) for word in content) or self._caption.split()[0].endswith(
            ("s", "ing")
        )

    def _share_of_segments(self) -> float:
        segments = [
            part
            for part in re.split(
                rf"[^\u3040-\u30ff\u3400-\u9fff]+|[在的和与及是了于到为从向对被让把ぁ-ん]+|{_ROLES_IN_HAN}",
                self._caption,
            )
            if len(part) > 1
        ]
        if not segments:
            return 1.0
        found = sum(
            [any(part[i : i + 2] in self._said.text for i in range(min(2, len(part) - 1))) for part in segments]
        )
        return found / len(segments)

    def _share_of_sounds_in_text(self) -> float:
        """Compare a text in a script without case with a caption in Latin script: one name's sound is enough."""
        names = [
            name for run, doubtful in name_runs(self._caption) if not doubtful and (name := CaptionName(run)).words
        ]
        if not names or self._caption_script != "LATIN":
            return 1.0
        if any(self._mentions(name) for name in names):
            return 1.0
        if self._said.script in CHARACTERS and not is_generic_han(self._said.text):
            return 1.0
        return float(may_sound_like([["".join(name.words), *name.words] for name in names], self._said.text))

    def _share_of_sounds(self) -> float:
        """Compare a text in one script with a caption in one that is romanised only roughly."""
        if self._said.script != "LATIN":
            return 1.0
        whole = squashed(self._caption)
        runs = [run for run, doubtful in name_runs(self._said.text) if not doubtful]
        if any(len(one := squashed("".join(run))) > 4 and one in whole for run in runs):
            return 1.0
        return 1.0 if runs else 0.0

    def _clearly_mentions(self, name: CaptionName) -> bool:
        """Return True if the text has the name's first or last word as it is: fast, and enough for most texts."""
        found = [word for word in name.specific if word in self._said.known and word in self._said.capitalised]
        if name.is_within_another(self._said.words):
            return False
        return len(found) > 1 or (len(found) == 1 and not self._is_not_it(name, found[0], found[0]))

    def _mentions(self, name: CaptionName) -> bool:
        specific = name.specific
        if name.is_within_another(self._said.words):
            return False
        if self._has_form(name.joined) or self._has_part(name) or self._has_initials(name):
            return True
        if name.chunks[-1] == "May" and any(run[-1] == "May" and len(run) > 1 for run in self._said.runs):
            return True
        if not specific:
            return all(self._has(word) for word in name.words)
        found = {word: match for word in specific if (match := self._match(word)) is not None}
        if len(found) > 1:
            return True
        if found:
            ((word, match),) = found.items()
            return not self._is_not_it(name, word, match)
        for one in map(squashed, name.specific_chunks):
            if (
                len(one) > 4
                and one not in TOPICS
                and any(one in other and not are_confused(one, other) for other in self._said.squashed_chunks)
            ):
                return True
        return not self._said.is_english and all(self._has(word) or self._has_translated(word) for word in name.words)

    def _has_translated(self, word: str) -> bool:
        return any(
            self._said.has_phrase(other) or (len(other) > 4 and other in self._said.spaced)  # in a compound: Felsendom
            for other in translations(word)
        )

    def _has(self, word: str, *, anywhere: bool = False) -> bool:
        """Return True if a word of the text is this word of a name, in some spelling."""
        return self._match(word, anywhere=anywhere) is not None

    def _match(self, word: str, *, anywhere: bool = False) -> str | None:
        """Return the word of the text that is this word of a name in some spelling; "" if it is a whole phrase."""
        if word in self._said.known and (anywhere or word in self._said.capitalised or self._said.script != "LATIN"):
            return word
        for other in aliases(word):
            if self._said.has_phrase(other):
                return other if " " not in other else ""
        if len(word) < 3:
            return None
        candidates = self._said.known if anywhere else self._said.capitalised
        if not word.isascii():
            for other in self._said.known:
                if len(other) > 1 and (
                    other.startswith(word) or (len(word) > 3 and other.startswith(word[:-1])) or word in other
                ):
                    return other
            if self._caption_script == "ARABIC":
                for other in self._said.known:
                    if len(word) > 4 and word[2:] in other and other not in COMMON_NOUNS:
                        return other
        for other in candidates:
            if other[:3] == word[:3] and not stems(word).isdisjoint(stems(other)) and not are_confused(word, other):
                return other
        plain = romanised(word)
        for other in candidates:
            if other[:4] == word[:4] and not self._said.is_english and is_inflected(word, other):
                if not are_confused(word, other):
                    return other
            elif sounds_alike(plain, romanised(other)) and not are_confused(word, other):
                return other
        return None

    def _has_form(self, phrase: str) -> bool:
        return any(self._said.has_phrase(other) for other in aliases(phrase))

    def _has_part(self, name: CaptionName) -> bool:
        """Return True if the text has another form of some words of the name (`Security Council of the UN`)."""
        parts = name.joined.split()
        return any(
            self._has_form(" ".join(parts[start:end]))
            for start in range(len(parts) - 2)
            for end in range(start + 2, len(parts) + 1)
        )

    def _has_initials(self, name: CaptionName) -> bool:
        """Return True if the name is an acronym that the text spells out, or the text has the name's acronym."""
        for chunk in [part for whole in name.chunks for part in {whole, *re.split(r"[-\u2010\u2011/]", whole)}]:
            letters = chunk.replace(".", "")
            if letters.isupper() and len(letters) > 1 and self._has_form(letters.casefold()):
                return True
            if (
                2 <= len(letters) <= 6
                and letters.isupper()
                and letters.isalpha()
                and letters.casefold() in self._said.initials
            ):
                return True
        return any(initials.upper() in self._said.acronyms for initials in _initials_of(self._caption, name))

    def _is_not_it(self, name: CaptionName, word: str, match: str) -> bool:
        """Return True if the text's only word of a name is only what it is about, or belongs to another name."""
        if word in TOPICS and len(name.specific) > 1 and self._said.capitalised.isdisjoint({*name.words} - {word}):
            return True
        return self._namesakes.are_meant(name, word, match)

    @cached_property
    def _namesakes(self) -> Namesakes:
        return Namesakes(self._caption, self._said)


def _has_title(caption_words: list[str]) -> bool:
    """Return True if a caption without case begins like one about a person: `pope francis visits`, no `king plays`."""
    if len(caption_words) < 3 or caption_words[0] not in TITLES:
        return False
    name, verb = caption_words[1:3]
    return (
        name not in ALL_STOP_WORDS
        and verb.endswith(("s", "ed", "ing"))
        and name not in ROLES
        and not name.endswith(("ing", "ed"))
    )


def _initials_of(caption: str, name: CaptionName) -> list[str]:
    """Return the initials of each run of the caption's words that begins with the name, with and without particles."""
    start = caption.find(name.chunks[0])
    chunks = re.findall(r"[^\W\d_][^\W_]*", caption[start:])[:9] if start >= 0 else []
    found = []
    all_letters = letters = ""
    for chunk in chunks:
        all_letters += chunk[0]
        letters += "" if chunk.casefold() in ALL_STOP_WORDS else chunk[0]
        found += [one for one in (all_letters, letters) if len(one) > 1]
    return [one for one in found if 2 <= len(one) <= 6 and (len(one) > 2 or one.isupper())]
