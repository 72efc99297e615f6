"""Tokenizers of open_clip that read the text of a special token, such as `<end_of_text>`, as text.

open_clip's own turn it into the token itself, so that a caption could end what the text tower reads.
"""

import copy
from collections.abc import Callable
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor

from entityclip.contract.text_tokens import names_for, reading_as_text, special_texts
from model.clip.open_clip_import import open_clip


def plain_text_tokenizer(tokenizer: Any) -> Callable[..., Tensor]:
    """Return a copy of an open_clip tokenizer that reads every text as text; other tokenizers are returned unchanged.

    All texts without special tokens get the same ids as before.
    """
    if type(tokenizer) is open_clip.tokenizer.SimpleTokenizer:
        return _plain_simple(tokenizer)
    if isinstance(tokenizer, open_clip.tokenizer.HFTokenizer):
        backend = getattr(tokenizer.tokenizer, "_tokenizer", None)
        if isinstance(backend, Tokenizer):
            plain, inner = copy.copy(tokenizer), copy.copy(tokenizer.tokenizer)
            inner._tokenizer = _Backend(reading_as_text(backend), names_for(special_texts(backend)))
            plain.tokenizer = inner
            return plain
    return tokenizer


def _plain_simple(tokenizer: Any) -> Any:
    plain = copy.copy(tokenizer)
    special = [tokenizer.decoder[number] for number in tokenizer.all_special_ids]
    pattern = tokenizer.pat.pattern.removeprefix("|".join(special) + "|")
    plain.pat = open_clip.tokenizer.re.compile(pattern, tokenizer.pat.flags)  # the package regex
    plain.cache = {}  # the original's maps special tokens to themselves
    return plain


class _Backend:
    """A tokenizer with other names of special tokens, which still knows their ids by the old ones."""

    def __init__(self, renamed: Tokenizer, names: dict[str, str]) -> None:
        self.__dict__.update(_renamed=renamed, _names=names)

    def __reduce__(self) -> Any:
        return _Backend, (self._renamed, self._names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_renamed"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._renamed, name, value)

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token by its old or new name."""
        number = self._renamed.token_to_id(self._names.get(token, token))
        return number if number is None else int(number)
