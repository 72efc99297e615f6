"""Tokenization that counts truncated texts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from model.clip.plain_text import plain_text_tokenizer
from model.clip.towers import Towers, end_position, text_pool
from model.errors import ModelError


class TextReader:
    """A model's tokenizer and the limits of its text tower, without the tower itself; it is pickled to workers.

    The text of a special token, such as `<end_of_text>`, is read as text.
    """

    def __init__(self, towers: Towers) -> None:
        clip: Any = towers.clip
        self._tokenizer: Callable[..., Tensor] = plain_text_tokenizer(towers.tokenizer)
        self.context_length, self._vocabulary = int(clip.context_length), int(clip.vocab_size)
        self._pool = text_pool(clip)

    def __call__(self, texts: list[str], what: str) -> tuple[Tensor, int]:
        """Return token ids (N, context_length) int32 and the number of truncated texts; these, too, end in EOT.

        Each text is first tokenised to context_length + 1 tokens; if EOT is the last of them, the text is truncated.

        Raises ModelError if EOT is not where the text tower looks for it, or a token is outside the text tower's
        vocabulary; `what` names the texts in the message.
        """
        ids, truncated = self._read(texts, what)
        return ids, int(truncated.sum())

    def fits(self, texts: list[str]) -> list[bool]:
        """Return for each text whether it fits the context length."""
        return (~self._read(texts, "texts")[1]).tolist()

    def _read(self, texts: list[str], what: str) -> tuple[Tensor, Tensor]:
        if not texts:
            return torch.zeros((0, self.context_length), dtype=torch.int32), torch.zeros(0, dtype=torch.bool)
        extended = self._tokenizer(texts, context_length=self.context_length + 1)
        if (highest := int(extended.max())) >= self._vocabulary:
            raise ModelError(
                f"{what}: the tokenizer returned token id {highest}, but the text tower's vocabulary ends at "
                f"{self._vocabulary - 1}; the tokenizer does not belong to this model"
            )
        eot = self.end_position(extended)
        token = extended[torch.arange(len(extended)), eot]
        pool_type, eos_id = self._pool
        expected = token[:1] if pool_type == "argmax" else torch.tensor([eos_id])
        if not torch.equal(token, expected.expand_as(token)):
            raise ModelError(
                f"{what}: the text tower (pool_type {pool_type!r}) does not find the end-of-text token in every text; "
                "the tokenizer does not belong to this model"
            )
        truncated = eot == self.context_length
        ids = extended[:, : self.context_length].to(torch.int32)
        if truncated.any():
            cut = [text for text, long in zip(texts, truncated.tolist(), strict=True) if long]
            ids[truncated] = self._tokenizer(cut, context_length=self.context_length).to(torch.int32)
        return ids, truncated

    def end_position(self, tokens: Tensor) -> Tensor:
        """Return the position (N,) of the token that the text tower's pooling selects."""
        return end_position(self._pool, tokens)
