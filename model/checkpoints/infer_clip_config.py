"""Configuration of an OpenAI-style CLIP model, inferred from the shapes of its parameters."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from model.clip.open_clip_import import open_clip
from model.errors import ModelError

_IMAGE_LAYERS, _TEXT_LAYERS = "visual.transformer.resblocks.", "transformer.resblocks."


@dataclass(frozen=True)
class Sizes:
    """Sizes of CLIP's Vision Transformer and text transformer."""

    embed: int
    image: int  # pixels per side
    patch: int
    vision_width: int
    vision_layers: int
    vision_heads: int
    vision_mlp_ratio: float
    context: int
    vocabulary: int
    text_width: int
    text_layers: int
    text_heads: int
    text_mlp_ratio: float
    eot_id: int | None  # None: the highest id in each text, as in OpenAI's models

    @property
    def model_cfg(self) -> dict[str, Any]:
        """Return the arguments of `open_clip.CLIP`."""
        vision = {
            "image_size": self.image,
            "patch_size": self.patch,
            "width": self.vision_width,
            "layers": self.vision_layers,
            "head_width": self.vision_width // self.vision_heads,
            "mlp_ratio": self.vision_mlp_ratio,
        }
        text: dict[str, Any] = {
            "context_length": self.context,
            "vocab_size": self.vocabulary,
            "width": self.text_width,
            "layers": self.text_layers,
            "heads": self.text_heads,
            "mlp_ratio": self.text_mlp_ratio,
        }
        if self.eot_id is not None:
            text |= {"pool_type": "eos", "eos_id": self.eot_id}
        return {"embed_dim": self.embed, "vision_cfg": vision, "text_cfg": text, "quick_gelu": True}

    @property
    def preprocess_cfg(self) -> dict[str, Any]:
        """Return OpenAI's image preprocessing, as in open_clip's configuration files."""
        return {
            "mean": list(open_clip.OPENAI_DATASET_MEAN),
            "std": list(open_clip.OPENAI_DATASET_STD),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        }


def sizes_of(
    state: dict[str, Tensor], *, vision_heads: int | None, text_heads: int | None, eot_id: int | None
) -> Sizes:
    """Infer sizes from a state dict with OpenAI's parameter names.

    None selects the rule of OpenAI's models: width / 64 heads, and the highest token id in a text marks its end.

    Raises ModelError for a ResNet, a missing parameter, a number of heads that does not divide the width, and an
    end-of-text id outside the vocabulary.
    """
    if any(name.startswith("visual.layer1.") for name in state):
        raise ModelError("the checkpoint has a ResNet image tower; only Vision Transformers can be imported")
    vision_width, _, patch, _ = _shape(state, "visual.conv1.weight", 4)
    positions, _ = _shape(state, "visual.positional_embedding", 2)
    grid = math.isqrt(max(positions - 1, 0))
    if grid == 0 or grid * grid != positions - 1:
        raise ModelError(f"visual.positional_embedding has {positions} positions; expected a square number plus one")
    vocabulary, text_width = _shape(state, "token_embedding.weight", 2)
    context, _ = _shape(state, "positional_embedding", 2)
    if eot_id is not None and not 0 <= eot_id < vocabulary:
        raise ModelError(f"end-of-text id {eot_id} is outside the vocabulary of {vocabulary} tokens; check --eot-id")
    _, embed = _shape(state, "text_projection", 2)
    return Sizes(
        embed=embed,
        image=grid * patch,
        patch=patch,
        vision_width=vision_width,
        vision_layers=_layers(state, _IMAGE_LAYERS),
        vision_heads=_heads(vision_heads, vision_width, "vision"),
        vision_mlp_ratio=_shape(state, f"{_IMAGE_LAYERS}0.mlp.c_fc.weight", 2)[0] / vision_width,
        context=context,
        vocabulary=vocabulary,
        text_width=text_width,
        text_layers=_layers(state, _TEXT_LAYERS),
        text_heads=_heads(text_heads, text_width, "text"),
        text_mlp_ratio=_shape(state, f"{_TEXT_LAYERS}0.mlp.c_fc.weight", 2)[0] / text_width,
        eot_id=eot_id,
    )


def _shape(state: dict[str, Tensor], name: str, dimensions: int) -> tuple[int, ...]:
    if name not in state:
        raise ModelError(f"the checkpoint is not a CLIP with a Vision Transformer: parameter {name!r} is missing")
    shape = tuple(state[name].shape)
    if len(shape) != dimensions or 0 in shape:
        raise ModelError(f"parameter {name!r} has shape {shape}; expected {dimensions} dimensions, none of size 0")
    return shape


def _layers(state: dict[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix)})


def _heads(given: int | None, width: int, tower: str) -> int:
    heads = width // 64 if given is None else given  # OpenAI's heads are 64 wide
    if heads < 1 or width % heads:
        raise ModelError(f"{heads} heads do not divide the {tower} tower's width {width}; set --{tower}-heads")
    return heads
