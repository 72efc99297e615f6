"""A model folder that open_clip loads by `local-dir:FOLDER`, offline and strict."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from entityclip.contract.atomic_files import write_json
from model.clip.open_clip_import import open_clip
from model.clip.towers import Towers
from model.errors import ModelError
from model.settings.schema import TowerSettings

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def write_open_clip_folder(
    folder: Path, model_cfg: dict[str, Any], preprocess_cfg: dict[str, Any], state: dict[str, Tensor]
) -> None:
    """Write configuration and weights into an existing folder.

    Args:
        model_cfg: arguments of open_clip's model class; "quick_gelu" is written out, whatever it is.
        preprocess_cfg: "mean" and "std" at least.
        state: the model's state dict, under open_clip's names.
    """
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, folder / WEIGHTS)
    _write_config(folder, model_cfg, preprocess_cfg)


@dataclass(frozen=True)
class TowersFolder:
    """A model folder without its weights: what a checkpoint of the towers needs to be loaded."""

    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any]
    tokenizer: Any

    def write(self, folder: Path) -> None:
        """Write configuration and tokenizer into an existing folder.

        Raises ModelError for a tokenizer that open_clip would not find there again.
        """
        model_cfg = copy.deepcopy(self.model_cfg)
        write_tokenizer(self.tokenizer, model_cfg, folder)
        _write_config(folder, model_cfg, self.preprocess_cfg)


def towers_folder(settings: TowerSettings, towers: Towers) -> TowersFolder:
    """The folder of loaded towers; nothing of it is read later from what `settings` name."""
    clip: Any = towers.clip
    return TowersFolder(open_clip.get_model_config(settings.model), dict(clip.visual.preprocess_cfg), towers.tokenizer)


def write_tokenizer(tokenizer: Any, model_cfg: dict[str, Any], folder: Path) -> None:
    """Put tokenizer files beside a model and say so in `model_cfg`; OpenAI's own comes with open_clip.

    Raises ModelError for a tokenizer that open_clip would not find in a folder.
    """
    if isinstance(tokenizer, open_clip.tokenizer.HFTokenizer):
        tokenizer.save_pretrained(folder)
        model_cfg["text_cfg"]["hf_tokenizer_name"] = "."  # open_clip then looks in the folder itself
    elif not isinstance(tokenizer, open_clip.tokenizer.SimpleTokenizer):
        raise ModelError(f"a {type(tokenizer).__name__} cannot be exported: open_clip would not find it in a folder")


def _write_config(folder: Path, model_cfg: dict[str, Any], preprocess_cfg: dict[str, Any]) -> None:
    write_json(folder / CONFIG, {"model_cfg": {"quick_gelu": False, **model_cfg}, "preprocess_cfg": preprocess_cfg})
