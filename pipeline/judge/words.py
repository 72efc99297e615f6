"""Stop words and scripts of the languages that the judge supports."""

import unicodedata
from collections import Counter
from functools import lru_cache

from entityclip.contract.entity_names import ENGLISH_STOP_WORDS
from entityclip.contract.words import word_set


@lru_cache(maxsize=1 << 14)
def _script_of(character: str) -> str:
    """Return the Unicode script name of a letter (`LATIN`, `CYRILLIC`, `CJK`), or "" if it is not a letter."""
    return unicodedata.name(character, "").split(" ")[0].split("-")[0] if character.isalpha() else ""


def letters_by_script(text: str) -> Counter[str]:
    """Count the letters of a text by script."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if script := _script_of(character):
            counts[script] += count
    return counts


CHARACTERS = frozenset({"CJK", "HIRAGANA", "KATAKANA"})


def main_script(text: str) -> str:
    """Return the script of most letters of a text; Chinese characters and kana are one, and no letters are Latin."""
    if text.isascii():
        return "LATIN"
    script = max(letters_by_script(text).items(), key=lambda item: item[1], default=("LATIN", 0))[0]
    return "CJK" if script in CHARACTERS else script


STOP_WORDS: dict[str, frozenset[str]] = {
    "de": word_set(
        "der die das und in zu den von mit ist des im für auf nicht ein eine als auch es an wird aus er sie hat dass "
        "dem einer einem einen eines oder zum zur bei nach wie über sich sind war wurde werden vor durch bis unter "
        "ihre sein seine seiner noch nur kann aber am ab um"
    ),
    "en": ENGLISH_STOP_WORDS,
    "es": word_set(
        "de la el en y los las un una que del se por con para es como su al lo más fue sus o este esta ha son entre "
        "también pero desde no sobre era hasta muy donde cuando ser está sin país años"
    ),
    "fr": word_set(
        "de la le les et des en un une du est dans pour que qui par au sur il elle avec plus se ce cette son sa ses "
        "aux été ont pas ou comme mais sont leur leurs être entre depuis où était ils elles deux après"
    ),
    "it": word_set(
        "di il la e che in un una per del della è con dei da si i le non gli nel al lo alla dal delle sono più anche "
        "degli nella ha come dalla suo sua era questo questa tra o ed fu essere stato stata"
    ),
    "nl": word_set(
        "de het een van en in is dat op te zijn met voor die niet aan er om als ook bij of door uit naar werd wordt "
        "was maar heeft tot deze over zich hij zij ze hun haar dan nog onder tijdens worden kan"
    ),
    "pt": word_set(
        "de a o que e do da em um uma para com os as no na por mais dos das se como foi ao seu sua ou é são não ser "
        "pela pelo também entre está até sobre era ele ela seus suas muito foram aos nos nas"
    ),
}
ALL_STOP_WORDS = frozenset().union(*STOP_WORDS.values())
# The language of each word that is a stop word in only one language.
DISTINCTIVE_WORDS = {
    word: language
    for language, stop_words in STOP_WORDS.items()
    for word in stop_words
    if not any(word in other for name, other in STOP_WORDS.items() if name != language)
}

# Frequent words of English that are rare in other languages.
ENGLISH_MARKS = frozenset({word for word, language in DISTINCTIVE_WORDS.items() if language == "en"}) | word_set(
    "i you not this that is are was of for have my it"
)


def _scripts(name: str, languages: str) -> dict[str, frozenset[str]]:
    return dict.fromkeys(languages.split(), frozenset(name.split()))


SCRIPTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(STOP_WORDS, frozenset({"LATIN"})),
    **_scripts("LATIN", "af az bs ca cs cy da et eu fi ga gl hr hu id is lt lv ms mt nb nn no pl ro sk sl"),
    **_scripts("LATIN", "so sq sv sw tl tr uz vi"),
    **_scripts("CYRILLIC", "be bg kk mk mn ru sr uk"),
    **_scripts("ARABIC", "ar fa ur"),
    **_scripts("DEVANAGARI", "hi mr ne"),
    **_scripts("GREEK", "el"),
    **_scripts("HEBREW", "he"),
    **_scripts("CJK HIRAGANA KATAKANA", "ja"),
    **_scripts("HANGUL", "ko"),
    **_scripts("THAI", "th"),
    **_scripts("CJK", "zh"),
    **_scripts("ARMENIAN", "hy"),
    **_scripts("GEORGIAN", "ka"),
    **_scripts("BENGALI", "bn"),
    **_scripts("GUJARATI", "gu"),
    **_scripts("KANNADA", "kn"),
    **_scripts("MALAYALAM", "ml"),
    **_scripts("MYANMAR", "my"),
    **_scripts("GURMUKHI", "pa"),
    **_scripts("SINHALA", "si"),
    **_scripts("TAMIL", "ta"),
    **_scripts("TELUGU", "te"),
}  # fmt: skip
SCRIPTS["sr"] |= {"LATIN"}
