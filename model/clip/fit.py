"""Checks that loaded weights and the tokenizer fit a CLIP model, where open_clip would adapt them silently."""

from pathlib import Path
from typing import Any

from torch import nn

from entityclip.contract.weight_files import tensors_in
from model.clip.open_clip_import import open_clip
from model.clip_files import clip_weights
from model.errors import ModelError

_NAMED = 3  # tensors named in a message
_SMALLEST_SHARE = 0.5  # of the text tower's embeddings that a tokenizer uses


def check_shapes(clip: nn.Module, folder: Path) -> None:
    """Raise ModelError if a tensor in the folder's weights has another shape than in the model.

    open_clip interpolates positional embeddings of another length, so that a wrong configuration goes unnoticed.
    """
    weights = clip_weights(folder)
    if weights is None or weights.suffix != ".safetensors":
        return
    there, wanted = tensors_in(weights), clip.state_dict()
    different = [
        f"{name} is {list(there[name].shape)}, not {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in there and tensor.ndim > 1 and there[name].shape != tuple(tensor.shape)
    ]
    if different:
        some = ", ".join(different[:_NAMED]) + (", ..." if len(different) > _NAMED else "")
        raise ModelError(
            f"towers.model: {weights} does not fit open_clip_config.json: {len(different)} tensors have another shape "
            f"({some}); use the weights and the configuration of one and the same model"
        )


def check_vocabulary(clip: Any, tokenizer: Any) -> None:
    """Raise ModelError if a folder's tokenizer has more tokens than the text tower, or fewer than half of them.

    A folder without a tokenizer gets OpenAI's from open_clip; `TextReader` checks the ids that it returns.
    """
    if not isinstance(tokenizer, open_clip.tokenizer.HFTokenizer):
        return
    tokens, rows = len(tokenizer.tokenizer), int(clip.vocab_size)
    if not _SMALLEST_SHARE * rows <= tokens <= rows:
        raise ModelError(
            f"towers.model: the tokenizer has {tokens:,} tokens, but the text tower {rows:,} (vocab_size in "
            "open_clip_config.json); the tokenizer does not belong to this model"
        )
