"""The LLM's special tokens, such as `<|im_end|>`: finds their texts in data, and makes the tokenizer read them as text.

Special are the tokens that the tokenizer declares as such, those written like `<|this|>`, and those that the chat
template contains, such as `<think>`. A row whose text contains none is tokenized exactly as by transformers.
"""

import re
from typing import Any

from entityclip.contract.text_tokens import MARK, is_markup, names_for, renamed
from pipeline.llm import LanguageModel

BREAK = "\u200b"  # zero width space; breaks a special token's text in chat requests, after its first character
_HIDE = "\U0010fffc"  # a private-use character, like MARK; begins what stands for a special token's text in data
_DISGUISE = 0xF0000  # the first private-use character that stands for one of a special token, but letters and digits


class Markup:
    """The special tokens of a model's tokenizer, as texts."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        added = list(model.tokenizer.added_tokens_decoder.values())
        template = model.chat_template
        self._names = names_for(
            token.content
            for token in added
            if not token.single_word
            and is_markup(token.content)
            and (token.special or token.content in template or re.fullmatch(r"<\|.+\|>", token.content))
        )
        self._hidden = {content: _HIDE + name[len(MARK) :] for content, name in self._names.items()}
        self._shown = {hidden: content for content, hidden in self._hidden.items()}
        self._pattern = _any_of(self._names)
        self._added = _any_of(token.content for token in added if token.content)
        self._hidden_pattern = re.compile(f"{_HIDE}.", re.DOTALL)
        self._text_tokenizer: Any = None
        self._begins = tuple({content[0] for content in self._names})
        letters = {character for content in self._names for character in content}
        self._others = {ord(letter): _other(letter) for letter in letters}
        self._alike = {ord(one): min(letter, _other(letter)) for letter in letters for one in (letter, _other(letter))}

    def find(self, text: str) -> list[re.Match[str]]:
        """Return where special tokens' texts occur in a text."""
        for begin in self._begins:  # mostly none does, which is found much faster so than by the pattern
            if begin in text:
                return list(self._pattern.finditer(text))
        return []

    def hidden(self, text: str, found: list[re.Match[str]]) -> str:
        """Return the text with special tokens' texts, found in it, replaced by two private-use characters each."""
        pieces, end = [], 0
        for match in found:
            pieces += [text[end : match.start()], self._hidden[match[0]]]
            end = match.end()
        return "".join([*pieces, text[end:]])

    def disguised(self, text: str) -> str:
        """Return the text with other characters for those of special tokens, letters for letters and digits for digits.

        Where a prompt shows the text, it then differs in every character that may belong to a special token.
        """
        return text.translate(self._others)

    def is_aligned(self, text: str, disguised: str) -> bool:
        """Return whether a text equals another in which some characters are disguised."""
        return text == disguised or text.translate(self._alike) == disguised.translate(self._alike)

    def blotted(self, text: str) -> str:
        """Return the text with one private-use character for all characters but white space."""
        return "".join(character if character.isspace() else _HIDE for character in text)

    def shown(self, text: str) -> str:
        """Return the text as it was before `hidden`."""
        return self._hidden_pattern.sub(lambda match: self._shown.get(match[0], match[0]), text)

    def broken(self, hidden: str) -> str:
        """Return a hidden text with the special tokens' texts again, each with a zero width space in it.

        A server tokenizes chat messages itself, so there is no other way to tell it that these are text.
        """

        def shown_broken(match: re.Match[str]) -> str:
            content = self._shown.get(match[0], match[0])
            return content[0] + BREAK + content[1:]

        return self._hidden_pattern.sub(shown_broken, hidden)

    def broken_at(self, text: str, found: list[re.Match[str]]) -> str:
        """Return the text with a zero width space after the first character of special tokens' texts, found in it.

        A server tokenizes chat messages itself, so there is no other way to tell it that these are text.
        """
        pieces, end = [], 0
        for match in found:
            pieces += [text[end : match.start() + 1], BREAK]
            end = match.start() + 1
        return "".join([*pieces, text[end:]])

    def can_hide(self, text: str) -> bool:
        """Return whether `hidden` can be undone: the text does not contain the private-use characters itself."""
        return MARK not in text and _HIDE not in text

    def tokenize(self, hidden: str) -> list[int]:
        """Return the token ids of a rendered prompt: hidden texts as text, all other special tokens as such.

        With a tokenizer that cannot be taught this (one without a tokenizer.json), the texts are broken instead.
        """
        tokenizer = self._as_text()
        if tokenizer is None:
            return self._model.tokenize([self.broken(hidden)])[0]
        named = self._added.sub(lambda match: self._names.get(match[0], match[0]), hidden)
        ids: list[int] = tokenizer.encode(self.shown(named), add_special_tokens=False).ids
        return ids

    def _as_text(self) -> Any:
        """Return the tokenizer that knows special tokens by other names, made at first use; None if there is none."""
        if self._text_tokenizer is None:
            backend = getattr(self._model.tokenizer, "backend_tokenizer", None)
            with self._model.lock:
                copy = None if backend is None else renamed(backend, self._names)
            if copy is not None:
                copy.no_truncation()
                copy.no_padding()
            self._text_tokenizer = copy or False
        return self._text_tokenizer or None


def _other(character: str) -> str:
    """Return another character of the same kind, so that filters such as `upper` treat both alike.

    Letters and digits change places in pairs: a and b, c and d, 0 and 1.
    """
    if character.isascii() and character.isalnum():
        first = ord("0") if character.isdigit() else ord("a") if character.islower() else ord("A")
        return chr(first + (ord(character) - first ^ 1))
    return chr(_DISGUISE + ord(character) % 0xFFFD)


def _any_of(contents: Any) -> re.Pattern[str]:
    """Return a pattern that matches any of the texts, the longest first, as tokenizers do."""
    ordered = sorted(set(contents), key=lambda content: (-len(content), content))
    return re.compile("|".join(map(re.escape, ordered)) or r"(?!)")
