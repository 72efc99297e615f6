"""Texts to token ids, and how many of them did not fit."""

from typing import Any

import torch
from torch import Tensor

from model.errors import ModelError
from model.towers import Towers, eot_position, text_pool


def tokenize(towers: Towers, texts: list[str], what: str) -> tuple[Tensor, int]:
    """Token ids (N, context_length) int32, the last token of a truncated text being EOT, and how many were.

    A text is tokenised with room for one more token: the ones whose EOT lies there are the truncated ones.

    Raises ModelError if the tokenizer's EOT is not where the text tower looks for it, or it has tokens that the
    text tower lacks; `what` names the texts.
    """
    clip: Any = towers.clip
    length = int(clip.context_length)
    roomy = towers.tokenizer(texts, context_length=length + 1)
    vocabulary, highest = int(clip.vocab_size), int(roomy.max())
    if highest >= vocabulary:
        raise ModelError(
            f"{what}: the tokenizer gives token {highest}, the text tower's vocabulary ends at {vocabulary - 1}; "
            "tokenizer and model do not belong together"
        )
    eot = eot_position(clip, roomy)
    token = roomy[torch.arange(len(roomy)), eot]
    pool_type, eos_id = text_pool(clip)
    wanted = token[:1] if pool_type == "argmax" else torch.tensor([eos_id])
    if not torch.equal(token, wanted.expand_as(token)):
        raise ModelError(
            f"{what}: not every text has its end-of-text token where the text tower (pool_type {pool_type!r}) "
            "looks for it; tokenizer and model do not belong together"
        )
    truncated = eot == length
    ids = roomy[:, :length].to(torch.int32)
    if truncated.any():
        cut = [text for text, long in zip(texts, truncated.tolist(), strict=True) if long]
        ids[truncated] = towers.tokenizer(cut, context_length=length).to(torch.int32)
    return ids, int(truncated.sum())
