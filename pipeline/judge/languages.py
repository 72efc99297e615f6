"""Decides if an explanation is in the expected language, and detects the language of captions.

The script and stop words that occur in only one language settle most texts at no cost. What they leave open is settled
by py3langid, a language identifier that works offline.

Captions are short and full of names: `language_of` requires at least two distinctive words (`Los Angeles` contains a
Spanish stop word), covers 16 languages, and leaves many captions undecided.
"""

from collections import Counter
from functools import lru_cache
from typing import Any

from entityclip.contract.words import words
from pipeline.judge.refusal_phrases import QUOTED
from pipeline.judge.words import DISTINCTIVE_WORDS, SCRIPTS, STOP_WORDS, letters_by_script

_OF_CAPTIONS = (*STOP_WORDS, "ar", "el", "he", "hi", "ja", "ko", "ru", "th", "zh")
_BY_SCRIPT = {
    script: language
    for language in _OF_CAPTIONS
    if language not in STOP_WORDS and len(SCRIPTS[language]) == 1
    for script in SCRIPTS[language]
}
# Languages that short texts do not tell apart: a text in one of them passes as any other of its group.
_ALIKE = [frozenset(group.split()) for group in ("no nb nn da", "id ms", "hr bs sr", "zh wuu yue", "fa tg", "hi mr ne")]
_UNLIKELY = 0.02  # probability of the expected language; of texts in it, all that were tried had over 0.2
_FEWEST_WORDS = 4  # fewer say too little
_QUOTES = '"\u201c\u201e\u00ab\u300c\u300e\u2039'
_SHARED_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "ARABIC"})


def language_of(text: str) -> str | None:
    """Return the text's language code, or None if the language cannot be determined."""
    if not text.isascii():
        scripts = letters_by_script(text)
        if not scripts:
            return None
        if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * scripts.total():  # Japanese mixes kana and CJK
            return "ja"
        script, letters = scripts.most_common(1)[0]
        if script != "LATIN":
            return _BY_SCRIPT.get(script) if 2 * letters > scripts.total() else None
    hits = Counter([DISTINCTIVE_WORDS[word] for word in words(text) if word in DISTINCTIVE_WORDS]).most_common(2)
    if not hits or hits[0][1] < 2 or (len(hits) > 1 and hits[1][1] == hits[0][1]):
        return None
    return hits[0][0]


def is_off_language(text: str, text_words: list[str], language: str, share: float) -> bool:
    """Return True if the text is not in `language`, judging by script, stop words and a language identifier.

    A text is rejected if less than `share` of its letters are in the language's script. For languages with a script of
    their own (el, he, ja, ko, th, zh and others), this is the only test. For the seven with stop words (de, en, es, fr,
    it, nl, pt), a text of 20 or more words is also rejected if fewer than a tenth of them are stop words of `language`
    (in prose, about a third are), and any text if it has at least 3 distinctive stop words of another language and
    their number times `share` exceeds the number of distinctive stop words of `language`. Whatever these leave open is
    rejected if the identifier is sure of another language. What is quoted is left out: titles are of any language.
    """
    if any(mark in text for mark in _QUOTES):
        outside = QUOTED.sub(" ", text)
        if 4 * _letters(outside) >= _letters(text) and len(found := words(outside)) >= _FEWEST_WORDS:
            text, text_words = outside, found
    if not (text.isascii() and "LATIN" in SCRIPTS[language]):  # ASCII letters are Latin
        letters = letters_by_script(text)
        if sum(letters[script] for script in SCRIPTS[language]) < share * letters.total():
            return True
    if not _SHARED_SCRIPTS & SCRIPTS[language]:
        return False
    if language in STOP_WORDS:
        few = len(text_words) / 10
        if len(text_words) >= 20 and sum([word in STOP_WORDS[language] for word in text_words]) < few:
            return True
        hits = Counter([DISTINCTIVE_WORDS[word] for word in text_words if word in DISTINCTIVE_WORDS])
        best = max(hits.values(), default=0)
        if best >= 3 and hits[language] < share * best:
            return True
        if hits[language] == best and (best >= 3 or (best == 2 and len(hits) == 1)):  # the usual text
            return False
    return _is_surely_another(text, language)


def _letters(text: str) -> int:
    return sum([c.isalpha() for c in text])


def _is_surely_another(text: str, language: str) -> bool:
    """Return True if the identifier is sure that a text is in another language than `language` or one like it."""
    chunks = text.split()
    plain = [chunk for chunk in chunks if not chunk[:1].isupper()]  # without names, which are of any language
    if len(plain) < _FEWEST_WORDS:
        return False
    ranked = dict(_identifier().rank(" ".join(plain if 2 * len(plain) >= len(chunks) else chunks)))
    alike = next((group for group in _ALIKE if language in group), frozenset({language}))
    return sum([ranked.get(code, 0.0) for code in alike]) < _UNLIKELY


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # reading its model takes half a second

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in identifier.labels if code in {*SCRIPTS, "wuu", "yue"}])
    return identifier
