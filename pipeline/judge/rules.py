"""Judging explanations: every rule, and which one wins. Pure: the same caption, text and thresholds, the same status.

The first rule that fires gives the status; a row on which none fires is `ok`. Thresholds are the manifest's
`generation.judge`. All statuses but `empty` and `refused` keep the explanation: those two explain nothing, so nobody
should train on them by mistake (the raw text stays in every case).

Status           | Rule                                                          | Threshold
-----------------|---------------------------------------------------------------|------------------------------------
`empty`          | no letter and no digit                                        |
`refused`        | begins as LLMs decline: `I'm sorry, but I can't`, `As an AI`  |
`truncated`      | finish_reason `length`                                        | sampling.max_tokens, or the redo's
`copied`         | share of its words, stop words apart, that the caption has    | copied_share, at least
`off_language`   | share of letters in the language's script, or stop words of   | min_language_share, below;
                 |   it for each one of the best other language                  |   no rule where language is null
`entity_missing` | share of the caption's names that it mentions                 | min_entities_share, below
`over_context`   | its tokens for CLIP, start and end included                   | clip_context_length, more

`refused` stands before `truncated`, because a larger budget mends no refusal; `truncated` before the rest, because
they judge a whole text. `over_context` comes last: such a text is good, CLIP only cuts its tail.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from entityclip.contract.entity_names import names_in
from entityclip.contract.status import Status
from entityclip.contract.words import words
from pipeline.judge.cleaning import clean
from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.refusals import is_refusal
from pipeline.judge.words import ALL_STOP_WORDS, SCRIPTS, STOP_WORDS, TELLING_WORDS, script_of
from pipeline.manifest.generation import Judging
from pipeline.manifest.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Judgement:
    """A status, and the explanation that goes with it with its number of CLIP tokens, or neither."""

    status: Status
    explanation: str | None
    clip_tokens: int | None


@dataclass(frozen=True)
class Judge:
    """The rules with a manifest's thresholds and its CLIP's tokenizer."""

    settings: Judging
    count_tokens: Callable[[str], int]

    def judge(self, caption: str, raw_text: str, finish_reason: str | None) -> Judgement:
        """Clean a text as generated and judge it."""
        text = clean(raw_text)
        if is_empty(text):
            return Judgement(Status.EMPTY, None, None)
        if is_refusal(text):
            return Judgement(Status.REFUSED, None, None)
        tokens = self.count_tokens(text)
        return Judgement(self._status(caption, text, finish_reason, tokens), text, tokens)

    def _status(self, caption: str, text: str, finish_reason: str | None, tokens: int) -> Status:
        settings = self.settings
        if finish_reason == "length":
            return Status.TRUNCATED
        said = words(text)
        if is_copied(said, words(caption), settings.copied_share):
            return Status.COPIED
        if settings.language is not None and is_off_language(
            text, said, settings.language, settings.min_language_share
        ):
            return Status.OFF_LANGUAGE
        if misses_entities(text, said, caption, settings.min_entities_share):
            return Status.ENTITY_MISSING
        return Status.OVER_CONTEXT if tokens > settings.clip_context_length else Status.OK


def open_judge(manifest: Manifest) -> Judge:
    """The judge that a manifest describes.

    Raises:
        PipelineError: there is no such CLIP tokenizer.
    """
    settings = manifest.generation.judge
    return Judge(settings, token_counter(settings.clip_tokenizer, manifest.folder))


def is_empty(text: str) -> bool:
    """Whether nothing is said: no letter and no digit."""
    return not any(c.isalnum() for c in text)


def is_copied(said: list[str], caption: list[str], share: float) -> bool:
    """Whether nearly all that is said, stop words apart, stands in the caption; saying it twice adds nothing.

    Args:
        said, caption: words, as `entityclip.contract.words` makes them.
        share: of the words, from which on the text is copied.
    """
    content = [word for word in said if word not in ALL_STOP_WORDS] or said
    known = set(caption)
    return bool(content) and sum([word in known for word in content]) >= share * len(content)


def is_off_language(text: str, said: list[str], language: str, share: float) -> bool:
    """Whether the text is in another language.

    First by script: off, if less than `share` of the letters are in the language's. Languages with a script of their
    own (ar, el, he, hi, ja, ko, ru, th, zh) are told by it alone, so Ukrainian passes as Russian. Latin ones (de, en,
    es, fr, it, nl, pt) also by stop words: off, if less than a tenth of 20 words and more are stop words of theirs
    (prose has a third; Polish for English), or if some other language has at least 3 of those that no two share,
    and this one less than `share` of as many.
    """
    if not (text.isascii() and language in STOP_WORDS):  # ASCII letters are Latin
        letters = _letters_by_script(text)
        if sum(letters[script] for script in SCRIPTS[language]) < share * letters.total():
            return True
    if language not in STOP_WORDS:
        return False
    if len(said) >= 20 and sum([word in STOP_WORDS[language] for word in said]) < len(said) / 10:
        return True
    hits = Counter([TELLING_WORDS[word] for word in said if word in TELLING_WORDS])
    best = max(hits.values(), default=0)
    return best >= 3 and hits[language] < share * best


def _letters_by_script(text: str) -> Counter[str]:
    by_script: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if script := script_of(character):
            by_script[script] += count
    return by_script


def misses_entities(text: str, said: list[str], caption: str, share: float) -> bool:
    """Whether less than `share` of the caption's names are mentioned.

    A name is mentioned if any of its words is, exactly or, from 4 letters on, as the beginning of a longer one
    (Syria, Syrian). A caption without names, or in another script than the text (which spells names in its own
    way), is never judged so.
    """
    names = names_in(caption)
    if not names:
        return False
    known = set(said)
    missed = [name for name in names if known.isdisjoint(name)]
    if not missed:
        return False
    joined = f" {' '.join(said)}"
    mentioned = len(names) - sum([not any(len(w) > 3 and f" {w}" in joined for w in name) for name in missed])
    both_ascii = caption.isascii() and text.isascii()  # Latin, as nearly all are, seen without a look at each letter
    return mentioned < share * len(names) and (both_ascii or _script(caption) == _script(text))


def _script(text: str) -> str:
    return max(_letters_by_script(text).items(), key=lambda item: item[1], default=("", 0))[0]
