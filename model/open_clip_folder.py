"""A model folder that open_clip loads by `local-dir:FOLDER`, offline and strict."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from model.files import write_json

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
    model_cfg = {"quick_gelu": False, **model_cfg}
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, folder / WEIGHTS)
    write_json(folder / CONFIG, {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg})
