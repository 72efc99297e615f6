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

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from entityclip.contract.entity_names import names_in
from entityclip.contract.status import Status
from entityclip.contract.words import words
from pipeline.judge.cleaning import clean
from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.words import ALL_STOP_WORDS, SCRIPTS, STOP_WORDS, TELLING_WORDS, script_of
from pipeline.manifest.generation import Judging
from pipeline.manifest.manifest import Manifest

_WITHOUT_EXPLANATION = (Status.EMPTY, Status.REFUSED)


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


_CANNOT = r"(?:can't|cannot|can not|couldn't|could not|won't|will not)"
_SORRY = r"(?:I'm|I am|We're|We are) (?:\w+ )?(?:sorry|afraid)"
_APOLOGY = rf"(?:{_SORRY}|[Ss]orry|I apologi[sz]e|(?:[Mm]y )?[Aa]pologies|Unfortunately)"
# Case counts, or the song `I Can't Explain` would decline.
_REFUSALS = re.compile(
    "|".join(
        (
            # an apology, and soon after it, with no name between (films begin with Sorry), what cannot be done
            rf"{_APOLOGY}\b(?:[^A-Z]|AI\b|(?<=[.!] )[A-Z]){{0,80}}?\b(?:I|we|We)\b.{{0,30}}?"
            rf"(?:\b{_CANNOT}|\bunable|\bnot able|(?:\bdo not|\bdon't) (?:have|know)|\bmust decline)\b",
            r"(?:I'm|I am) (?:\w+ )?sorry,? (?:but|I)\b",
            r"I apologi[sz]e,? but\b",
            # what is speaking
            r"As an? (?:\w+,? ){0,4}(?:AI(?:,| I\b| language| model| assistant| system)|artificial intelligence|"
            r"language model|chatbot)",
            r"As an? (?:helpful|responsible|respectful|ethical)[\w, ]{0,40} assistant\b",
            r"(?:I'm|I am) (?:just |only )?an? (?:AI|artificial intelligence|(?:large )?language model|text-based)\b",
            # what it does not do
            rf"I {_CANNOT} (?:\w+ly )?(?:help|assist|provide|identify|describe|generate|create|comply|fulfill?|answer|"
            r"discuss|offer|give|write|determine|view|see|access|recogni[sz]e|make|engage|produce|complete|respond|"
            r"share|find|process|explain (?:the|this|that|these|what|who|why|any)|tell you|do (?:that|this))\b",
            r"(?:I'm|I am) (?:\w+ )?(?:unable|not (?:able|comfortable|permitted|allowed|programmed))\b",
            r"I (?:do not|don't) (?:\w+ly )?(?:have|feel comfortable)\b",
            r"I (?:must|have to) (?:respectfully )?decline\b",
            # asking back
            r"(?:Sure[,!]? |Of course[,!]? )?[Pp]lease (?:provide|share|give)\b",
            r"I(?:'d| would) be happy to help\b",
            # German
            r"(?:Es )?[Tt]ut mir (?:sehr )?leid\b.{0,20}\bich\b",
            r"Als (?:eine? )?(?:KI\b|künstliche Intelligenz|(?:KI-)?Sprachmodell)",
            r"(?:Leider k|K)ann ich\b.{0,60}\b(?:nicht|keine[ns]?)\b",
            r"Ich kann (?:leider |dir |Ihnen |dazu |diese[nrs]? )*(?:nicht|keine[ns]?|Anfrage)\b",
            # French
            r"(?:Je suis )?[Dd]ésolée?,? (?:mais )?(?:je|en tant)\b",
            r"En tant qu(?:e |')(?:modèle|IA|intelligence artificielle|assistant)\b",
            r"Je ne (?:peux|suis) pas\b",
            # Spanish, Portuguese, Italian, Dutch
            r"Lo siento,? (?:pero )?(?:no|como|soy)\b",
            r"Como (?:um? |una |uma )?(?:modelo de (?:lenguaje|linguagem)|IA|intelig[eê]ncia artificial)\b",
            r"No puedo (?:ayudar|proporcionar|identificar|describir|generar|crear|cumplir|responder|ofrecer)",
            r"(?:Mi dispiace|Desculpe|Sinto muito),? (?:ma |mas )?(?:non|não|eu|come|como)\b",
            r"Het spijt me\b.{0,20}\bik\b",
            # Chinese, Japanese
            r"(?:很|非常)?(?:抱歉|对不起|對不起)[,，。 ]*(?:但是?)?(?:我|作为|作為|无法|無法)",  # noqa: RUF001
            r"作[为為](?:一[个個名])?.{0,6}(?:AI|人工智能|人工智慧|语言模型|語言模型)",
            r"我(?:无法|無法|不能)(?:提供|回答|描述|识别|識別|帮助|幫助|协助|生成|满足|完成)",
            r"申し訳(?:ありません|ございません)",
        )
    )
)


def is_refusal(text: str) -> bool:
    """Whether the text begins as LLMs decline, or ask back; `sorry` and `cannot` further on mean nothing."""
    return _REFUSALS.match(text[:200].replace("\u2019", "'")) is not None


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
