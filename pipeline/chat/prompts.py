"""Builds the prompt of each pair: its messages, what its key is computed from, and its token ids."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from pipeline.chat.form import ChatForm, find_form, lost_message
from pipeline.chat.markup import BREAK, Markup
from pipeline.chat_template import why_it_failed
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.pair import Pair
from pipeline.prompts.template import Message, PromptTemplate
from pipeline.weights import check_vocabulary

_PROMPTS_AT_ONCE = 1024  # rendered and tokenized together, which bounds memory
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMED = 5  # special tokens named in a line


class Prompt(NamedTuple):
    """The prompt of a pair.

    Attributes:
        messages: the messages as sent.
        hidden: the messages with special tokens' texts of data hidden; None if there are none.
        special: the special tokens' texts in the messages that come from the pair's values, wholly or in part.
        form: what else decides the token ids, and is therefore part of the key; empty for most rows.
    """

    messages: list[Message]
    hidden: list[Message] | None = None
    special: tuple[str, ...] = ()
    form: dict[str, str] = {}  # noqa: RUF012 - never changed


@dataclass(frozen=True)
class Prompts:
    """Makes the prompts of a job. Nothing is loaded before the first prompt.

    Attributes:
        as_chat: prompts are sent as chat messages, not as token ids.
        special: number of pairs planned so far with each special token's text.
    """

    template: PromptTemplate
    model: LanguageModel
    as_chat: bool = False
    special: Counter[str] = field(default_factory=Counter)

    @cached_property
    def form(self) -> ChatForm:
        """How chats are given to the model's chat template, found by a probe.

        Raises:
            PipelineError: the tokenizer or its chat template cannot be used with this model or prompt.
        """
        form = find_form(self.model, self._chat_about)
        chat = form.arrange(self._chat_about("a caption"))
        check_vocabulary(self.model, self.model.encode([form.given(chat)])[0])
        return form

    @cached_property
    def markup(self) -> Markup:
        """The model's special tokens."""
        return Markup(self.model)

    def prompt(self, pair: Pair) -> Prompt:
        """Return the prompt for a pair.

        Raises:
            PipelineError: the prompt template fails, or the chat template cannot be used.
        """
        form = self.form
        messages = form.arrange(self.template.render(pair))
        extra = {"content": "parts"} if form.parts and not self.as_chat else {}
        find = self.markup.find
        found = [find(message["content"]) for message in messages]
        if not any(found):
            return Prompt(messages, form=extra)
        theirs = self._of_pair(pair, messages, found)
        special = tuple(match[0] for matches in theirs for match in matches)
        if not special:
            return Prompt(messages, form=extra)
        if self.as_chat or not all(self.markup.can_hide(one["content"]) for one in messages):
            return Prompt(_changed(messages, theirs, self.markup.broken_at), special=special, form=extra)
        prompt = Prompt(messages, _changed(messages, theirs, self.markup.hidden), special, extra)
        return prompt._replace(form={**extra, "special_tokens": "text"}) if self._ids_differ(prompt) else prompt

    def count(self, prompt: Prompt) -> None:
        """Count a planned pair in `special`, if its prompt contains special tokens' texts."""
        if prompt.special:
            self.special.update(set(prompt.special))

    def encode(self, prompts: list[Prompt]) -> list[list[int] | str]:
        """Return each prompt's token ids, or why the chat template cannot be used for it."""
        starts = range(0, len(prompts), _PROMPTS_AT_ONCE)
        return [ids for start in starts for ids in self._encode(prompts[start : start + _PROMPTS_AT_ONCE])]

    @property
    def notes(self) -> list[str]:
        """Lines that tell the user what was unusual: the form, and special tokens' texts in planned pairs."""
        lines = list(self.form.notes) if "form" in self.__dict__ else []
        return [*lines, self.special_note] if self.special else lines

    @property
    def special_note(self) -> str:
        """A line that names the special tokens whose texts occur in planned pairs, and says how they are sent."""
        some = ", ".join(f"{content} ({count:,})" for content, count in self.special.most_common(_NAMED))
        more = ", ..." if len(self.special) > _NAMED else ""
        how = f"with U+{ord(BREAK):04X} after their first character" if self.as_chat else "as text"
        return f"captions or topics contain texts of the LLM's special tokens, which are sent {how}: {some}{more}"

    def _encode(self, prompts: list[Prompt]) -> list[list[int] | str]:
        plain = [prompt for prompt in prompts if prompt.hidden is None]
        try:
            texts: list[str | Exception] = list(self.model.render([self.form.given(p.messages) for p in plain]))
        except Exception:  # a template can raise any exception; find the prompts that it raises for
            texts = [self._rendered(prompt.messages) for prompt in plain]
        faults = [_fault(prompt.messages, text) for prompt, text in zip(plain, texts, strict=True)]
        good = [text for text, fault in zip(texts, faults, strict=True) if fault is None and isinstance(text, str)]
        ids = iter(self.model.tokenize(good))
        encoded = iter([fault or next(ids) for fault in faults])
        return [next(encoded) if prompt.hidden is None else self._encode_hidden(prompt.hidden) for prompt in prompts]

    def _encode_hidden(self, hidden: list[Message]) -> list[int] | str:
        text = self._rendered(hidden)
        return _fault(hidden, text) or self.markup.tokenize(str(text))

    def _rendered(self, messages: list[Message]) -> str | Exception:
        try:
            return self.model.render([self.form.given(messages)])[0]
        except Exception as error:  # a template can raise any exception
            return error

    def _ids_differ(self, prompt: Prompt) -> bool:
        """Return whether reading special tokens' texts as text changes the token ids."""
        plain, text = self.encode([prompt._replace(hidden=None), prompt])
        return plain != text

    def _of_pair(
        self, pair: Pair, messages: list[Message], found: list[list[re.Match[str]]]
    ) -> list[list[re.Match[str]]]:
        """Return which of the special tokens' texts found in each message are not the prompt author's alone.

        The prompt's author may write special tokens. A text of which the pair gives but a character is the pair's.
        """
        other = self._with_values(pair, messages, self.markup.disguised)
        if other is not None and all(
            self.markup.is_aligned(one["content"], new["content"]) for one, new in zip(messages, other, strict=True)
        ):
            return [
                [match for match in matches if text["content"][match.start() : match.end()] != match[0]]
                for text, matches in zip(other, found, strict=True)
            ]
        # The prompt decides by the values' texts, or changes them. What it shows as often without them is the author's.
        blotted = self._with_values(pair, messages, self.markup.blotted)
        most = Counter(match[0] for one in blotted or [] for match in self.markup.find(one["content"]))
        shown = Counter(match[0] for matches in found for match in matches)
        return [[match for match in matches if shown[match[0]] > most[match[0]]] for matches in found]

    def _with_values(self, pair: Pair, messages: list[Message], change: Callable[[str], str]) -> list[Message] | None:
        """Return the messages for changed values; None if they are others than these, or none."""
        values = replace(
            pair, caption=change(pair.caption), id=change(pair.id), topic=pair.topic and change(pair.topic)
        )
        try:
            changed = self.form.arrange(self.template.render(values))
        except PipelineError:
            return None
        return changed if [one["role"] for one in changed] == [one["role"] for one in messages] else None

    def _chat_about(self, caption: str) -> list[Message]:
        try:
            return self.template.render(Pair("probe", "train", "probe.jpg", caption, "a topic"))
        except PipelineError:  # the prompt needs other values than these
            return [{"role": "user", "content": caption}]


def _changed(
    messages: list[Message], found: list[list[re.Match[str]]], change: Callable[[str, list[re.Match[str]]], str]
) -> list[Message]:
    """Return the messages with the matches found in each changed."""
    return [
        {**message, "content": change(message["content"], matches)}
        for message, matches in zip(messages, found, strict=True)
    ]


def _fault(messages: list[Message], text: Any) -> str | None:
    """Return why a rendered prompt cannot be used, or None; `text` is the exception if rendering failed."""
    if isinstance(text, Exception):
        return f"the model's chat template fails for this prompt: {why_it_failed(text)}"
    if not text.isascii() and _SURROGATE.search(text):
        return "the prompt contains half of a surrogate pair, which is no text that a tokenizer can read"
    if (lost := lost_message(messages, text)) is not None:
        return f"the model's chat template leaves out text of the {lost['role']} message"
    return None
