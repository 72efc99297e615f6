"""Detects a caption's language from its script and from stop words that occur in only one language.

Detection covers the languages of `generation.judge.language`. Captions are short and full of names, so at least two
distinctive words are required (`Los Angeles` contains a Spanish stop word), and many captions remain undecided.
"""

from collections import Counter

from entityclip.contract.words import words
from pipeline.judge.words import DISTINCTIVE_WORDS, SCRIPTS, STOP_WORDS, letters_by_script

_BY_SCRIPT = {
    script: language
    for language, scripts in SCRIPTS.items()
    if language not in STOP_WORDS and len(scripts) == 1
    for script in scripts
}


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
