"""Checks a local CLIP folder by its files' headers; does not import torch."""

import json
from pathlib import Path

from entityclip.contract.errors import ContractError
from entityclip.contract.weight_files import AGAIN, TOKENIZER_FILES, check_weights, why_no_file
from model.errors import ModelError
from model.run_files import CONFIG

# In the order in which open_clip prefers them; of other names, it takes the first.
_PREFERRED = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)


def check_clip_folder(folder: Path) -> None:
    """Raise ModelError if a CLIP folder's files are damaged, Git LFS pointers or truncated, or if it has no weights.

    open_clip would give a folder without weights random ones, and only log it. A folder that does not exist is left to
    open_clip.
    """
    if not folder.is_dir():
        return
    try:
        if (why := why_no_file(folder, (CONFIG, *TOKENIZER_FILES))) is not None:
            raise ModelError(f"towers.model: {why}")
        if (weights := clip_weights(folder)) is None:
            if not _is_configured(folder):
                return  # open_clip says what is wrong
            raise ModelError(f"towers.model: {folder} has no weights ({_PREFERRED[0]} or another); {AGAIN}")
        check_weights(weights)
    except ContractError as error:
        raise ModelError(f"towers.model: {error}") from error


def _is_configured(folder: Path) -> bool:
    try:
        return "model_cfg" in json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def clip_weights(folder: Path) -> Path | None:
    """Return the file of weights that open_clip would load from a folder, or None if there is none."""
    found = sorted(path for suffix in (".safetensors", ".bin", ".pth") for path in folder.glob(f"*{suffix}"))
    preferred = [folder / name for name in _PREFERRED if folder / name in found]
    others = sorted(found, key=lambda path: path.suffix != ".safetensors")
    return next(iter([*preferred, *others]), None)
