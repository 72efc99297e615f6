"""Words as the judge compares them, and the lists of words it knows."""

import re
import unicodedata
from functools import lru_cache
from itertools import chain

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_UNDECOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
_LONGEST_CACHED = 40  # letters: texts without spaces are one long chunk each, never met again


def words(text: str) -> list[str]:
    """The text's words without case, diacritics and possessive 's; of Chinese and Japanese, the characters."""
    chunks = text.split()
    fold = _cached if max(map(len, chunks), default=0) <= _LONGEST_CACHED else words_of_chunk
    return list(chain.from_iterable(map(fold, chunks)))


def words_of_chunk(chunk: str) -> tuple[str, ...]:
    """The words of a text without spaces, such as `Al-Assad's`."""
    return _cached(chunk) if len(chunk) <= _LONGEST_CACHED else _fold(chunk)


def _fold(chunk: str) -> tuple[str, ...]:
    folded = chunk.casefold()
    if not folded.isascii():
        marked = unicodedata.normalize("NFKD", folded).translate(_UNDECOMPOSED)
        bare = "".join(c for c in marked if unicodedata.category(c) != "Mn")
        folded = unicodedata.normalize("NFC", bare).casefold()
    return tuple(_WORD.findall(_POSSESSIVE.sub("", folded)))


_cached = lru_cache(maxsize=1 << 16)(_fold)


@lru_cache(maxsize=1 << 14)
def script_of(character: str) -> str:
    """The script of a letter as Unicode names it (`LATIN`, `CYRILLIC`, `CJK`), or "" where it is no letter."""
    return unicodedata.name(character, "").split(" ")[0].split("-")[0] if character.isalpha() else ""


def _listed(text: str) -> frozenset[str]:
    return frozenset(words(text))


STOP_WORDS: dict[str, frozenset[str]] = {
    "de": _listed(
        "der die das und in zu den von mit ist des im für auf nicht ein eine als auch es an wird aus er sie hat dass "
        "dem einer einem einen eines oder zum zur bei nach wie über sich sind war wurde werden vor durch bis unter "
        "ihre sein seine seiner noch nur kann aber am ab um"
    ),
    "en": _listed(
        "the of and to in a is was for on as with by he that at from his an it are which or be has its were had who "
        "this their they also been not after but her she have can may into often during when where other than them "
        "would will there these those him about over between under"
    ),
    "es": _listed(
        "de la el en y los las un una que del se por con para es como su al lo más fue sus o este esta ha son entre "
        "también pero desde no sobre era hasta muy donde cuando ser está sin país años"
    ),
    "fr": _listed(
        "de la le les et des en un une du est dans pour que qui par au sur il elle avec plus se ce cette son sa ses "
        "aux été ont pas ou comme mais sont leur leurs être entre depuis où était ils elles deux après"
    ),
    "it": _listed(
        "di il la e che in un una per del della è con dei da si i le non gli nel al lo alla dal delle sono più anche "
        "degli nella ha come dalla suo sua era questo questa tra o ed fu essere stato stata"
    ),
    "nl": _listed(
        "de het een van en in is dat op te zijn met voor die niet aan er om als ook bij of door uit naar werd wordt "
        "was maar heeft tot deze over zich hij zij ze hun haar dan nog onder tijdens worden kan"
    ),
    "pt": _listed(
        "de a o que e do da em um uma para com os as no na por mais dos das se como foi ao seu sua ou é são não ser "
        "pela pelo também entre está até sobre era ele ela seus suas muito foram aos nos nas"
    ),
}
ALL_STOP_WORDS = frozenset().union(*STOP_WORDS.values())
# Only words of one language tell it from the others: the language of each such word.
TELLING_WORDS = {
    word: language
    for language, listed in STOP_WORDS.items()
    for word in listed
    if not any(word in other for name, other in STOP_WORDS.items() if name != language)
}

SCRIPTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(STOP_WORDS, frozenset({"LATIN"})),
    "ar": frozenset({"ARABIC"}),
    "el": frozenset({"GREEK"}),
    "he": frozenset({"HEBREW"}),
    "hi": frozenset({"DEVANAGARI"}),
    "ja": frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    "ko": frozenset({"HANGUL"}),
    "ru": frozenset({"CYRILLIC"}),
    "th": frozenset({"THAI"}),
    "zh": frozenset({"CJK"}),
}

# In lower case inside a name: `Ursula von der Leyen`, `University of Oxford`.
PARTICLES = _listed(
    "of the de del della di da das do dos du des la le el al van der den von zu ter bin ibn ben abu y e"
)
# Capitalised, yet they name nobody: titles, days and months, credits of photographs.
TITLES = _listed(
    "mr mrs ms miss dr sir dame lord lady saint st king queen prince princess pope bishop archbishop cardinal imam "
    "president vice prime minister chancellor premier secretary foreign defense defence interior senator sen governor "
    "gov rep representative congressman congresswoman mayor judge justice professor prof captain capt general gen "
    "colonel col sergeant sgt officer director chief chairman chairwoman coach ambassador former"
)
DAYS_AND_MONTHS = _listed(
    "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december jan feb apr jun jul aug sept sep oct nov dec mon tue tues wed thu thurs fri sat sun"
) | {"march", "may"}
CREDITS = _listed("photo photograph photographs photographer picture pictured credit credits file handout image images")
AGENCIES = _listed("reuters ap afp epa getty shutterstock alamy")
