"""Which language a caption is in, by the judge's own means: scripts, and stop words that no two languages share.

It knows the languages that `generation.judge.language` can name and no others. Captions are short and full of names, so
two telling words are asked for (`Los Angeles` has a Spanish one), and many captions stay undecided.
"""

from collections import Counter

from entityclip.contract.words import words
from pipeline.judge.words import SCRIPTS, STOP_WORDS, TELLING_WORDS, script_of

_TELLING = 2
_BY_SCRIPT = {
    script: language
    for language, scripts in SCRIPTS.items()
    if language not in STOP_WORDS and len(scripts) == 1
    for script in scripts
}


def language_of(text: str) -> str | None:
    """The language's code, or None where it cannot be told."""
    if not text.isascii():
        scripts = Counter(script for character in text if (script := script_of(character)))
        if not scripts:
            return None
        if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * scripts.total():  # Japanese has both its own and Chinese
            return "ja"
        script, letters = scripts.most_common(1)[0]
        if script != "LATIN":
            return _BY_SCRIPT.get(script) if 2 * letters > scripts.total() else None
    hits = Counter([TELLING_WORDS[word] for word in words(text) if word in TELLING_WORDS]).most_common(2)
    if not hits or hits[0][1] < _TELLING or (len(hits) > 1 and hits[1][1] == hits[0][1]):
        return None
    return hits[0][0]
