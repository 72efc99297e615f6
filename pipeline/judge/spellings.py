"""Compares spellings of a name: transliterations, inflected forms, adjectives, and other usual forms."""

import re
from difflib import SequenceMatcher
from functools import lru_cache

from anyascii import anyascii

from entityclip.contract.words import words
from pipeline.judge.tables import read_table

# Endings of adjectives (Syria, Syrian) and of their plurals, in English and its neighbours.
_ENDINGS = sorted(
    "s n ns an ans ian ians ean eans vian vians ese ish i is ic ics ite ites er ers a e y ia ey en es os "
    "isch ische ischen ischer isches ais aise aises ois oise oises ien ienne ens enne ano ana anos anas".split(),
    key=len,
)
_SHORTEST_STEM = 4
_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("tsch|tch|tsh|ch(?=[aeiouy])|cz|ts|tz|c(?=[eiy])|zh?|sch|sh|x|ss?", "s"),
        ("ph", "f"),
        ("kh|gh|ck|[qkcg]", "k"),
        ("dj|dzh|dsch|d", "d"),
        ("th|t", "t"),
        ("w|v", "v"),
        ("[aeiouyhj]", ""),
        (r"(.)\1+", r"\1"),
    )
]


@lru_cache(maxsize=1 << 14)
def romanised(text: str) -> str:
    """Return a text in lower-case ASCII letters."""
    return text if text.isascii() else anyascii(text).lower()


def squashed(text: str) -> str:
    """Return only the letters and digits of a text, romanised: `Hawaiʻi`, `Hawai'i` and `Hawaii` are one."""
    return re.sub(r"[^a-z0-9]", "", romanised(text.lower()))


@lru_cache(maxsize=1 << 14)
def stems(word: str) -> frozenset[str]:
    """Return a word with each ending taken off that leaves a stem."""
    return frozenset(
        [word] + [word.removesuffix(e) for e in _ENDINGS if word.endswith(e) and len(word) - len(e) >= _SHORTEST_STEM]
    )


@lru_cache(maxsize=1 << 14)
def sound(word: str) -> str:
    """Return a rough key of how the consonants of a romanised word sound."""
    key = re.sub(r"([aou])e(?=[^aeiou]|$)", r"\1", word)
    for pattern, to in _SOUNDS:
        key = pattern.sub(to, key)
    return (word[0] if word[0] in "aeiou" else "") + key


def sounds_alike(one: str, other: str) -> bool:
    """Return True if two romanised words are plausibly one name in two transliterations (Gaddafi, Qaddafi)."""
    if abs(len(one) - len(other)) > 5 or min(len(one), len(other)) < 4:
        return False
    if one.startswith("dj") != other.startswith("dj"):  # Djemaa, Jemaa
        one, other = one.removeprefix("d"), other.removeprefix("d")
        if one == other:
            return True
    if (one[0] in "aeiou" and other[0] not in "aeiouyjh") or (other[0] in "aeiou" and one[0] not in "aeiouyjh"):
        return False  # captain, Egyptian
    first, second = sound(one).lstrip("aeiou"), sound(other).lstrip("aeiou")
    if first != second or len(first) < 2 or abs(len(one) - len(other)) > 3:
        return _hiss_alike(one, other)
    alike = SequenceMatcher(None, _vowels_folded(one), _vowels_folded(other)).ratio()
    return alike >= (0.66 if len(first) > 3 else 0.7 if len(first) > 2 else 0.8)


# Languages write the sounds between s and k in many ways; only their place is compared: Chruschtschow, Jrushchov.
_FOREIGN = re.compile("kh|ch|sh|zh|cz|sz|sj|cs|zj|tj|q|x|dj|j|c(?=[eia].*(?:v|i[jy]|k[iy])$)")
_HISSES = re.compile("(?:t(?=s|c(?!k)|j)|[szcxjhkqg])+|^(?:y|i)(?=[aeou])")
_BROAD = [
    (re.compile(pattern), to)
    for pattern, to in (
        ("(?<=[dtp])h", ""),
        ("w|ff?$", "v"),
        ("ou|oe", "u"),
        ("ije?$|iy$|yy$|[iy]$", "i"),
        ("y|(?<=[aeou])i(?=[aeou])", "i"),
        (r"(.)\1+", r"\1"),
    )
]


@lru_cache(maxsize=1 << 14)
def _hissed(word: str) -> str:
    if re.search("[iy]j?$", word):
        word = re.sub("[iy]+j?$", "i", word)
    word = _HISSES.sub("*", re.sub("(?<=[dtp])h", "", word))
    for pattern, to in _BROAD:
        word = pattern.sub(to, word)
    return word


def _hiss_alike(one: str, other: str) -> bool:
    if min(len(one), len(other)) < 5 or not (_FOREIGN.search(one) or _FOREIGN.search(other)):
        return False
    first, second = _hissed(one), _hissed(other)
    if re.sub("[aeiou]", "", first).strip("*") != re.sub("[aeiou]", "", second).strip("*") or len(first) < 4:
        return False
    return SequenceMatcher(None, first, second).ratio() >= 0.83


_ALIKE = str.maketrans("yjwqkc", "iivggg")


def _vowels_folded(word: str) -> str:
    word = re.sub(r"([aou])e(?=[^aeiou]|$)", r"\1", word)  # Mueller, Müller
    word = word.translate(_ALIKE)
    return re.sub(r"(.)\1+", r"\1", word.replace("ou", "u"))


def is_inflected(one: str, other: str) -> bool:
    """Return True if two words differ only in their last few letters, as in languages that decline names."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    rest = max(len(one), len(other)) - shared
    return shared >= _SHORTEST_STEM and rest <= 3 and min(len(one), len(other)) - shared <= 2 and shared > rest


def aliases(phrase: str) -> tuple[str, ...]:
    """Return the other usual forms of a name (`munich`: `munchen`, `monaco`), each as words joined by spaces."""
    found = _BY_FORM.get(phrase)
    if found is None and len(phrase) > 6:  # `Cote dIvoire`
        found = _BY_SQUASHED.get(squashed(phrase))
    return found or ()


def nicknames(given_name: str) -> tuple[str, ...]:
    """Return the other forms of a given name (`william`: `bill`, `will`)."""
    return _BY_NICKNAME.get(given_name, ())


def translations(word: str) -> tuple[str, ...]:
    """Return a common part of names (`blue`, `mosque`) with its forms in other languages."""
    return _BY_PART.get(word, ())


def are_confused(one: str, other: str) -> bool:
    """Return True if two similar words are known to be different names (Niger, Nigeria)."""
    return other in _CONFUSED.get(one, ())


def _by_form(table: str) -> dict[str, tuple[str, ...]]:
    by_form: dict[str, tuple[str, ...]] = {}
    for forms in read_table(table):
        group = [" ".join(words(form)) for form in forms]
        for form in group:
            by_form[form] = by_form.get(form, ()) + tuple(other for other in group if other != form)
    return by_form


def _confused() -> dict[str, frozenset[str]]:
    confused: dict[str, frozenset[str]] = {}
    for names in read_table("confused_names"):
        for name in names:
            others = frozenset(word for other in names if other != name for word in words(other))
            confused |= dict.fromkeys(words(name), others)
    return confused


_BY_FORM = _by_form("aliases")
_BY_NICKNAME = _by_form("nicknames")
_BY_SQUASHED = {squashed(form): (form, *others) for form, others in _BY_FORM.items()}
_BY_PART = {form: (form, *others) for form, others in _by_form("name_parts").items()}
_CONFUSED = _confused()
