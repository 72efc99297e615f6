"""Looks for the sound of a Latin name in a text of a script that spells foreign names by their sound."""

import re
from difflib import SequenceMatcher
from functools import lru_cache

from pipeline.judge.spellings import romanised

_FOLDED = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"[^a-z ]", ""),
        ("tsch|tch|ch|sch|sh|zh|ts|tz|cz|ph(?=$)|c(?=[eiy])|[szxj]", "s"),
        ("ph|[vwb]", "p"),
        ("f", "p"),
        ("kh|gh|ck|[qkcg]", "k"),
        ("th|dh|[td]", "t"),
        ("[lr]", "l"),
        ("[mn]g?", "n"),
        ("[aeiouyh]", ""),
        (r"([a-z])\1+", r"\1"),
    )
]
_GENERIC_HAN = re.compile(
    "[这這那此该該一两兩几幾某每他她它有在图圖照画畫人男女]|[^\u3002\uff0c\u3001,]{0,4}(?:男子|女子|人士|人物|人群|たち)|"
    "(?:この|その|ある|彼|若い|白い|黒い|赤い|青い|大きな|多くの|数人|写真|画像)"
)
_NAMED_IN_HAN = re.compile("[A-Za-z]{2}|[·・《『]|[\u30a1-\u30fa\u30fc]{4}")


@lru_cache(maxsize=1 << 14)
def _skeleton(romanised_text: str) -> str:
    """Return the consonants of a romanised text, those that languages confuse as one; spaces are kept."""
    key = romanised_text
    for pattern, sound in _FOLDED:
        key = pattern.sub(sound, key)
    return key


def may_sound_like(names: list[list[str]], text: str) -> bool:
    """Return True if a text in a script other than Latin may spell one of some Latin names by its sound.

    Args:
        names: the words of each name. Words with too few consonants are not looked for; without others, nothing can be
            told and the answer is True.
    """
    is_han = any("\u3400" <= c <= "\u9fff" for c in text)
    fewest = 3 if is_han else 2  # words of Chinese have no spaces between them
    wanted = {key for name in names for word in name if len(key := _skeleton(romanised(word))) >= fewest}
    chunks = [
        _skeleton(romanised(chunk).lower().replace(" ", "")) for chunk in re.split(r"[\s,.;:!?()\u0964\u060c]+", text)
    ]
    if not wanted:
        return not is_han
    return any(_is_like(one, chunk, is_han) for one in wanted for chunk in chunks)


def _is_like(wanted: str, found: str, anywhere: bool) -> bool:
    if wanted in (found if anywhere else found[: len(wanted) + 2]):
        return True
    near = found[: len(wanted) + 2]
    return len(wanted) > 2 and not anywhere and SequenceMatcher(None, wanted, near).ratio() >= 0.75


def is_generic_han(text: str) -> bool:
    """Return True if a Chinese or Japanese text begins with a common noun and has nothing that marks a foreign name."""
    return _GENERIC_HAN.match(text) is not None and _NAMED_IN_HAN.search(text) is None
