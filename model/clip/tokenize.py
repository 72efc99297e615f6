"""Texts to token ids, and how many of them did not fit."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from model.clip.towers import Towers, end_position, text_pool
from model.errors import ModelError


def tokenize(towers: Towers, texts: list[str], what: str) -> tuple[Tensor, int]:
    """As TextReader does, once."""
    return TextReader(towers)(texts, what)


class TextReader:
    """A model's tokenizer and what its text tower expects of it, without the tower: it goes to other processes."""

    def __init__(self, towers: Towers) -> None:
        clip: Any = towers.clip
        self._tokenizer: Callable[..., Tensor] = towers.tokenizer
        self.context_length, self._vocabulary = int(clip.context_length), int(clip.vocab_size)
        self._pool = text_pool(clip)

    def __call__(self, texts: list[str], what: str) -> tuple[Tensor, int]:
        """Token ids (N, context_length) int32, the last token of a truncated text being EOT, and how many were.

        A text is tokenised with room for one more token: the ones whose EOT lies there are the truncated ones.

        Raises ModelError if the tokenizer's EOT is not where the text tower looks for it, or it has tokens that the
        text tower lacks; `what` names the texts.
        """
        if not texts:
            return torch.zeros((0, self.context_length), dtype=torch.int32), 0
        roomy = self._tokenizer(texts, context_length=self.context_length + 1)
        if (highest := int(roomy.max())) >= self._vocabulary:
            raise ModelError(
                f"{what}: the tokenizer gives token {highest}, the text tower's vocabulary ends at "
                f"{self._vocabulary - 1}; tokenizer and model do not belong together"
            )
        eot = self.end_position(roomy)
        token = roomy[torch.arange(len(roomy)), eot]
        pool_type, eos_id = self._pool
        wanted = token[:1] if pool_type == "argmax" else torch.tensor([eos_id])
        if not torch.equal(token, wanted.expand_as(token)):
            raise ModelError(
                f"{what}: not every text has its end-of-text token where the text tower (pool_type {pool_type!r}) "
                "looks for it; tokenizer and model do not belong together"
            )
        truncated = eot == self.context_length
        ids = roomy[:, : self.context_length].to(torch.int32)
        if truncated.any():
            cut = [text for text, long in zip(texts, truncated.tolist(), strict=True) if long]
            ids[truncated] = self._tokenizer(cut, context_length=self.context_length).to(torch.int32)
        return ids, int(truncated.sum())

    def end_position(self, tokens: Tensor) -> Tensor:
        """Position (N,) of the token that the text tower keeps."""
        return end_position(self._pool, tokens)
