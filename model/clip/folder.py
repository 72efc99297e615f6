"""Model folders, which open_clip loads offline under the name `local-dir:FOLDER`."""

import copy
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import save_file
from torch import Tensor

from entityclip.contract.atomic_files import write_json
from model.clip.open_clip_import import open_clip
from model.clip.towers import Towers, architecture
from model.errors import ModelError
from model.run_files import CONFIG
from model.settings.schema import TowerSettings


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors on any device to a safetensors file."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)


def write_config(folder: Path, model_cfg: dict[str, Any], preprocess_cfg: dict[str, Any]) -> None:
    """Write a model's configuration into an existing folder.

    Args:
        model_cfg: arguments of open_clip's model class; an absent "quick_gelu" is written as False.
        preprocess_cfg: image preprocessing, with at least "mean" and "std".
    """
    write_json(folder / CONFIG, {"model_cfg": {"quick_gelu": False, **model_cfg}, "preprocess_cfg": preprocess_cfg})


class TowersFolder(NamedTuple):
    """A model folder without weights: the configuration and tokenizer needed to load a checkpoint of the towers."""

    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any]
    tokenizer: Any

    def write(self, folder: Path) -> None:
        """Write the configuration and the tokenizer into an existing folder. OpenAI's tokenizer is part of open_clip.

        Raises ModelError for a tokenizer that open_clip cannot load from a folder.
        """
        model_cfg = copy.deepcopy(self.model_cfg)
        if isinstance(self.tokenizer, open_clip.tokenizer.HFTokenizer):
            self.tokenizer.save_pretrained(folder)
            model_cfg["text_cfg"]["hf_tokenizer_name"] = "."  # makes open_clip look in the model folder itself
        elif not isinstance(self.tokenizer, open_clip.tokenizer.SimpleTokenizer):
            kind = type(self.tokenizer).__name__
            raise ModelError(f"a {kind} cannot be exported: open_clip cannot load it from a folder")
        write_config(folder, model_cfg, self.preprocess_cfg)


def towers_folder(settings: TowerSettings, towers: Towers) -> TowersFolder:
    """Build a TowersFolder from loaded towers, without reading the folder named in `settings` again."""
    clip: Any = towers.clip
    config = open_clip.get_model_config(architecture(settings).model)
    return TowersFolder(config, dict(clip.visual.preprocess_cfg), towers.tokenizer)
