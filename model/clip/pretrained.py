"""Checks model names and pre-trained tags against open_clip's tables, before anything is downloaded."""

import difflib
import json
from pathlib import Path
from typing import Any

from entityclip.contract.hub import plain_hub_name, why_unavailable
from model.clip.open_clip_import import open_clip
from model.errors import ModelError
from model.settings.schema import TowerSettings

SUPPORTED = (
    "supported models are open_clip's CLIP and CustomTextCLIP with a native image tower, VisionTransformer "
    "(pool_type 'tok', no attentional pooling) or ModifiedResNet, and a native text transformer "
    "(pool_type 'argmax' or 'eos', no class embedding)"
)


def check_names(settings: TowerSettings) -> None:
    """Raise ModelError for an unknown name or tag, timm or transformers towers, and weights with the wrong activation.

    OpenAI's weights were trained with QuickGELU; in a GELU model every output would be wrong, yet open_clip
    only warns. The activation of a `local-dir:` folder is not checked: its own configuration specifies it.
    """
    model, tag = settings.model, settings.pretrained
    if settings.folder is not None:
        _check_native(model, _config_of_folder(settings.folder))
        return
    if (plain := plain_hub_name(model)) != model:
        raise ModelError(
            f"towers.model: {model!r} names a model on the Hugging Face hub; download it (hf download {plain} "
            "--local-dir FOLDER) and set towers.model to local-dir:FOLDER"
        )
    if model not in open_clip.list_models():
        near = difflib.get_close_matches(model, open_clip.list_models(), n=3, cutoff=0.5)
        hint = f"; similar names: {', '.join(near)}" if near else ""
        raise ModelError(f"towers.model: open_clip has no model {model!r}{hint}")
    config = open_clip.get_model_config(model)
    _check_native(model, config)
    if tag is None:
        return
    weights = open_clip.get_pretrained_cfg(model, tag)
    if not weights:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
        raise ModelError(f"towers.pretrained: open_clip has no weights {tag!r} for {model}; available tags: {tags}")
    of_model, of_weights = (bool(each.get("quick_gelu", False)) for each in (config, weights))
    if of_model != of_weights:
        raise ModelError(
            f"towers: the weights {tag!r} were trained with {_activation(of_weights)}, but {model} uses "
            f"{_activation(of_model)}; set towers.model to {_sibling(model, quick_gelu=of_weights)}"
        )


def check_weights_available(settings: TowerSettings) -> None:
    """Raise ModelError if pre-trained weights are neither in the local cache nor downloadable from the hub."""
    if settings.pretrained is None:
        return
    weights = open_clip.get_pretrained_cfg(settings.model, settings.pretrained)
    repo, _, file = str(weights.get("hf_hub", "")).rpartition("/")
    files = (file,) if file else ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    if repo and (why := why_unavailable(repo, files)):
        raise ModelError(f"towers.pretrained: {why}, with towers.model=local-dir:FOLDER")


def _check_native(model: str, config: dict[str, Any]) -> None:
    for library, part, key in ("timm", "vision_cfg", "timm_model_name"), ("transformers", "text_cfg", "hf_model_name"):
        if name := (config.get(part) or {}).get(key):
            raise ModelError(f"towers.model: the {library} tower {name!r} of {model} is not supported; {SUPPORTED}")


def _config_of_folder(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "open_clip_config.json").read_bytes())["model_cfg"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # open_clip reads it next and reports the error
    return config if isinstance(config, dict) else {}


def preprocessing_of(settings: TowerSettings) -> dict[str, Any]:
    """Return the image preprocessing of pre-trained weights as arguments of `create_model_and_transforms`.

    open_clip looks it up by the weights' tag, so a model created without weights needs these arguments.
    """
    if settings.pretrained is None:
        return {}
    weights = open_clip.get_pretrained_cfg(settings.model, settings.pretrained)
    names = ("mean", "std", "interpolation", "resize_mode")
    return {f"image_{name}": weights[name] for name in names if weights.get(name) is not None}


def _activation(quick_gelu: bool) -> str:
    return "QuickGELU" if quick_gelu else "GELU"


def _sibling(model: str, *, quick_gelu: bool) -> str:
    name = f"{model}-quickgelu" if quick_gelu else model.removesuffix("-quickgelu")
    return name if name in open_clip.list_models() else f"a model with {_activation(quick_gelu)}"
