"""How chats have to be given to a model's chat template, found by a probe when a run opens.

Templates differ: some refuse or ignore the system role, some expect a message's content as a list of parts. What they
do not understand they drop, and then every answer is about nothing. So a probe compares what went in with the prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipeline.chat_template import in_parts, why_it_failed
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.prompts.template import Message


@dataclass(frozen=True)
class ChatForm:
    """How chats are given to the template.

    Attributes:
        folds_system: the system message becomes the beginning of the first user message.
        parts: contents are given as lists of parts.
        why: what the template did otherwise, for a message; empty for the plain form.
    """

    folds_system: bool = False
    parts: bool = False
    why: str = ""

    def arrange(self, chat: list[Message]) -> list[Message]:
        """Return the chat's messages as they are sent; only the system message may move."""
        if not self.folds_system or not chat or chat[0]["role"] != "system" or len(chat) < 2:
            return chat
        system, first, *others = chat
        return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *others]

    def given(self, chat: list[Message]) -> list[Any]:
        """Return arranged messages as the template expects them."""
        return in_parts(chat) if self.parts else chat

    @property
    def notes(self) -> list[str]:
        """Lines that tell the user about a form that is not the plain one."""
        said = []
        if self.folds_system:
            said.append(f"the prompt's system part is put before the first user part: {self.why}")
        if self.parts:
            said.append("the model's chat template expects contents as lists of parts, and gets them so")
        return said


def find_form(model: LanguageModel, chat_about: Callable[[str], list[Message]]) -> ChatForm:
    """Return the form in which the model's chat template keeps every message.

    Args:
        chat_about: returns the chat for a caption.

    Raises:
        PipelineError: in no form do all messages arrive in the prompt, or two captions give the same prompt.
    """
    model.chat_template  # noqa: B018 - reports errors in it
    chats = [chat_about(caption) for caption in ("Kestrel Vantongeren in Ypsilanti", "Odalys Brambleby at Fjordgate")]
    has_system = chats[0][0]["role"] == "system" and len(chats[0]) > 1
    reasons: list[str] = []
    for parts, fold in product((False, True), (False, True) if has_system else (False,)):
        form = ChatForm(fold, parts, reasons[0] if fold and not parts else _why_folded(reasons))
        why = _why_not(model, form, chats)
        if why is None:
            return form
        reasons.append(why)
    raise PipelineError(
        f"the chat template of model {model.name} does not fit generation.prompt: {reasons[0]}. "
        + (f"Without the system role: {reasons[1]}. " if has_system and reasons[1] != reasons[0] else "")
        + "Use another model, a prompt without examples if it has some, or correct the model's chat_template.jinja"
    )


def lost_message(chat: list[Message], prompt: str) -> Message | None:
    """Return the first message whose text is not in the rendered prompt, or None.

    White space and punctuation may differ, as templates trim texts and escape characters.
    """
    return next((message for message in chat if not _contains(prompt, message["content"])), None)


def _why_folded(reasons: list[str]) -> str:
    return reasons[-1] if reasons else ""


def _why_not(model: LanguageModel, form: ChatForm, chats: list[list[Message]]) -> str | None:
    """Return why the template does not work with chats in this form, or None if it does."""
    arranged = [form.arrange(chat) for chat in chats]
    try:
        prompts = model.render([form.given(chat) for chat in arranged])
    except Exception as error:  # a template can raise any exception
        return f"it fails with {why_it_failed(error)!r}"
    for chat, prompt in zip(arranged, prompts, strict=True):
        if (lost := lost_message(chat, prompt)) is not None:
            return f"it leaves out the text of the {lost['role']} message"
    if arranged[0] != arranged[1] and prompts[0] == prompts[1]:
        return "it gives the same prompt for two captions"
    return None


def _contains(prompt: str, text: str) -> bool:
    if text.strip() in prompt or " ".join(text.split()) in " ".join(prompt.split()):
        return True
    letters = _letters(text)
    return bool(letters) and letters in _letters(prompt)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
