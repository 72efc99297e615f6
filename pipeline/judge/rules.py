"""The rules that judge explanations, in order of precedence. They are pure functions of caption, text and thresholds.

The first matching rule gives the status; a row that matches none is `ok`. The thresholds come from the manifest's
`generation.judge`. Rows with status `empty` or `refused` have no explanation, so that no model is trained on their
text by mistake; all other judged rows have an explanation. The raw text is always kept.

Status           | Rule                                                          | Threshold
-----------------|---------------------------------------------------------------|------------------------------------
`empty`          | no letter and no digit                                        |
`refused`        | begins like a refusal: `I'm sorry, but I can't`, `As an AI`   |
`truncated`      | finish_reason `length`                                        | max_tokens of the run or redo
`copied`         | share of its words in the caption, ignoring stop words        | at least copied_share
`off_language`   | share of letters in the language's script, or ratio of its    | below min_language_share;
                 |   stop words to those of the best-matching other language     |   off if language is null
`entity_missing` | share of the caption's names that it mentions                 | below min_entities_share
`over_context`   | number of CLIP tokens, start and end included                 | above clip_context_length

`refused` precedes `truncated`, because a larger token budget does not prevent a refusal; `truncated` precedes the rest,
because the other rules need a complete text. `over_context` is last: such a text is good, but CLIP cuts off its end.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from entityclip.contract.entity_names import names_in
from entityclip.contract.status import Status
from entityclip.contract.words import words
from pipeline.judge.cleaning import clean
from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.prompt_echo import answer_in
from pipeline.judge.refusals import is_refusal
from pipeline.judge.words import ALL_STOP_WORDS, DISTINCTIVE_WORDS, SCRIPTS, STOP_WORDS, letters_by_script
from pipeline.manifest.generation import Judging
from pipeline.manifest.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Judgement:
    """A status with the explanation and its number of CLIP tokens, both None for `empty` and `refused`."""

    status: Status
    explanation: str | None
    clip_tokens: int | None


@dataclass(frozen=True)
class Judge:
    """Applies the rules, with a manifest's thresholds and a token counter."""

    settings: Judging
    count_tokens: Callable[[str], int]

    def judge(self, caption: str, raw_text: str, finish_reason: str | None) -> Judgement:
        """Take the answer from a generated text, clean it, and judge it."""
        text = clean(answer_in(raw_text, caption))
        if not any(c.isalnum() for c in text):
            return Judgement(Status.EMPTY, None, None)
        if is_refusal(text):
            return Judgement(Status.REFUSED, None, None)
        tokens = self.count_tokens(text)
        return Judgement(self._status(caption, text, finish_reason, tokens), text, tokens)

    def _status(self, caption: str, text: str, finish_reason: str | None, tokens: int) -> Status:
        settings = self.settings
        if finish_reason == "length":
            return Status.TRUNCATED
        text_words = words(text)
        if is_copied(text_words, words(caption), settings.copied_share):
            return Status.COPIED
        language = settings.language
        if language is not None and is_off_language(text, text_words, language, settings.min_language_share):
            return Status.OFF_LANGUAGE
        if misses_entities(text, text_words, caption, settings.min_entities_share):
            return Status.ENTITY_MISSING
        return Status.OVER_CONTEXT if tokens > settings.clip_context_length else Status.OK


def open_judge(manifest: Manifest) -> Judge:
    """Build the judge configured by a manifest.

    Raises:
        PipelineError: the CLIP tokenizer does not exist.
    """
    settings = manifest.generation.judge
    return Judge(settings, token_counter(settings.clip_tokenizer, manifest.folder))


def is_copied(text: list[str], caption: list[str], share: float) -> bool:
    """Return True if at least `share` of the text's words, ignoring stop words, are in the caption.

    Args:
        text, caption: words, as returned by `entityclip.contract.words`.
        share: threshold between 0 and 1.
    """
    content = [word for word in text if word not in ALL_STOP_WORDS] or text
    known = set(caption)
    return bool(content) and sum([word in known for word in content]) >= share * len(content)


def is_off_language(text: str, text_words: list[str], language: str, share: float) -> bool:
    """Return True if the text is not in `language`, judging by script and stop words.

    A text is rejected if less than `share` of its letters are in the language's script. This is the only test for
    languages not written in Latin script (ar, el, he, hi, ja, ko, ru, th, zh), so Ukrainian passes as Russian. For the
    others (de, en, es, fr, it, nl, pt), a text of 20 or more words is also rejected if fewer than a tenth of them are
    stop words of `language` (in prose, about a third are), and any text if it has at least 3 distinctive stop words of
    another language and their number times `share` exceeds the number of distinctive stop words of `language`.
    """
    if not (text.isascii() and language in STOP_WORDS):  # ASCII letters are Latin
        letters = letters_by_script(text)
        if sum(letters[script] for script in SCRIPTS[language]) < share * letters.total():
            return True
    if language not in STOP_WORDS:
        return False
    if len(text_words) >= 20 and sum([word in STOP_WORDS[language] for word in text_words]) < len(text_words) / 10:
        return True
    hits = Counter([DISTINCTIVE_WORDS[word] for word in text_words if word in DISTINCTIVE_WORDS])
    best = max(hits.values(), default=0)
    return best >= 3 and hits[language] < share * best


def misses_entities(text: str, text_words: list[str], caption: str, share: float) -> bool:
    """Return True if the text mentions less than `share` of the caption's names.

    A name is mentioned if any of its words occurs exactly or, with at least 4 letters, as a prefix of a longer word
    (Syria, Syrian). Returns False if the caption has no names, or is in a different script from the text, which then
    spells names differently.
    """
    names = names_in(caption)
    known = set(text_words)
    missed = [name for name in names if known.isdisjoint(name)]
    if not missed:
        return False
    joined = f" {' '.join(text_words)}"
    mentioned = len(names) - sum([not any(len(w) > 3 and f" {w}" in joined for w in name) for name in missed])
    both_ascii = caption.isascii() and text.isascii()  # a fast path for two Latin texts
    return mentioned < share * len(names) and (both_ascii or _script(caption) == _script(text))


def _script(text: str) -> str:
    return max(letters_by_script(text).items(), key=lambda item: item[1], default=("", 0))[0]
