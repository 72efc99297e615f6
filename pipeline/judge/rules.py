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

from collections.abc import Callable
from dataclasses import dataclass

from entityclip.contract.status import Status
from entityclip.contract.words import words
from pipeline.judge.cleaning import cleaned
from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.entities import misses_entities
from pipeline.judge.languages import is_off_language
from pipeline.judge.prompt_echo import answer_in
from pipeline.judge.refusals import is_refusal
from pipeline.judge.words import ALL_STOP_WORDS
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
        answer = cleaned(answer_in(raw_text, caption))
        text = answer.text
        if answer.is_thinking:
            return Judgement(Status.TRUNCATED, text, self.count_tokens(text))
        if not any(c.isalnum() for c in text):
            return Judgement(Status.EMPTY, None, None)
        text_words = words(text)
        if is_refusal(text, caption, text_words):
            return Judgement(Status.REFUSED, None, None)
        tokens = self.count_tokens(text)
        if finish_reason == "length" and not answer.has_ended:
            return Judgement(Status.TRUNCATED, text, tokens)
        return Judgement(self._status(caption, text, text_words, tokens), text, tokens)

    def _status(self, caption: str, text: str, text_words: list[str], tokens: int) -> Status:
        settings = self.settings
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
