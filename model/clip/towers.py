"""Step 1 of the method: token features of open_clip models.

open_clip's `encode_image` and `encode_text` return one token; experts need every token, in the joint embedding space:

- Vision Transformer and text transformer: the tower's last LayerNorm and projection, applied to every token.
- ModifiedResNet: its attention pool, applied to the last feature map with every token as a query. The pool's tokens
  are the map's mean, followed by its H*W positions; `encode_image` returns the output for the mean.

These functions use open_clip's public attributes, so its models can be loaded, trained and saved without modification.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from model.clip.fit import check_shapes, check_vocabulary
from model.clip.open_clip_import import open_clip
from model.clip.pretrained import SUPPORTED, check_names, check_weights_available, preprocessing_of
from model.clip_files import check_clip_folder
from model.errors import ModelError
from model.run_files import CARD, CHECKPOINT, TOWERS, read_checkpoint_card, run_of
from model.settings.schema import TowerSettings

_SHOWN = 1000  # characters of open_clip's message, which may name every tensor


class Towers(NamedTuple):
    """A CLIP model with its image transform and tokenizer."""

    clip: nn.Module
    transform: Callable[[Any], Tensor]  # PIL image -> (3, H, W), for inference: no augmentation
    tokenizer: Callable[..., Tensor]  # (texts, context_length=) -> (N, context_length) token ids


class TokenFeatures(NamedTuple):
    """Projected features of every token of B triples (step 1)."""

    image: Tensor  # V (B, Lv, D), CLS first
    text: Tensor  # T (B, Lt, D)
    text_eot: Tensor  # (B,) position of the end-of-text token in T
    text_readable: Tensor | None  # (B, Lt) bool, False for padding; None: experts read padding too
    explanation: Tensor | None  # E (B, Lt, D); None if unused
    explanation_eot: Tensor | None  # (B,) position of the end-of-text token in E
    explanation_readable: Tensor | None  # (B, Lt) bool, like text_readable
    anchors: Tensor | None = None  # (B, D), see Batch; receives no gradient
    segments: Tensor | None = None  # (B, K, D), see Batch; receives no gradient

    @property
    def v_cls(self) -> Tensor:
        """Return V_cls (B, D), the output of CLIP's `encode_image`."""
        return self.image[:, 0]

    @property
    def t_eot(self) -> Tensor:
        """Return T_eot (B, D), the output of CLIP's `encode_text`."""
        return at_position(self.text, self.text_eot)

    @property
    def e_eot(self) -> Tensor:
        """Return E_eot (B, D), the output of CLIP's `encode_text` for the explanation, which must be present."""
        assert self.explanation is not None and self.explanation_eot is not None
        return at_position(self.explanation, self.explanation_eot)

    def first(self, rows: int) -> "TokenFeatures":
        """Return the first `rows` rows."""
        return TokenFeatures(*(None if x is None else x[:rows] for x in self))  # type: ignore[arg-type]

    def pooled(self) -> "TokenFeatures":
        """Return features with V_cls, T_eot and, if present, E_eot as the only token of each row."""
        start = torch.zeros_like(self.text_eot)
        pooled = self._replace(image=self.image[:, :1], text=self.t_eot[:, None], text_eot=start, text_readable=None)
        if self.explanation is None:
            return pooled
        return pooled._replace(explanation=self.e_eot[:, None], explanation_eot=start, explanation_readable=None)


def load_towers(settings: TowerSettings, *, load_weights: bool = True) -> Towers:
    """Load a CLIP model, its inference transform and its tokenizer.

    A `local-dir:` folder is an open_clip model folder, or the folder of a run: its trained towers, without MMAE and
    GI-ITM. Without `load_weights`, parameters are random, for callers that load a checkpoint next.

    Raises ModelError for a name, tag or class that open_clip or this package does not support, and for weights trained
    with a different activation than the model's (every output would be wrong, but open_clip only warns). A folder's
    weights must be whole, with every tensor in the model's shape, and its tokenizer must have the model's vocabulary.
    """
    if settings.folder is not None and (run := run_of(settings.folder)) is not None:
        towers = load_towers(architecture(settings), load_weights=False)
        if load_weights:
            load_weights_into(towers.clip, run / CHECKPOINT / TOWERS)
        return towers
    check_names(settings)
    if load_weights:
        check_weights_available(settings)
        if settings.folder is not None:
            check_clip_folder(settings.folder)
    try:
        with _no_warning_of_random_weights(quiet=not load_weights):
            clip, _, transform = open_clip.create_model_and_transforms(
                settings.model,
                pretrained=settings.pretrained if load_weights else None,
                load_weights=load_weights,
                **({} if load_weights else preprocessing_of(settings)),
            )
        tokenizer = open_clip.get_tokenizer(settings.model)
    except Exception as error:  # safetensors, pickle and open_clip's assertions have no class in common
        why = " ".join(str(error).split())[:_SHOWN]
        raise ModelError(f"towers.model: open_clip cannot load {settings.model!r}: {why}") from error
    check_towers(clip)
    if settings.folder is not None:
        if load_weights:
            check_shapes(clip, settings.folder)
        check_vocabulary(clip, tokenizer)
    return Towers(clip, transform, tokenizer)


def architecture(settings: TowerSettings) -> TowerSettings:
    """Return the settings that name the model's configuration: for a run, those of the towers that it started from."""
    run = None if settings.folder is None else run_of(settings.folder)
    return settings if run is None else TowerSettings.model_validate(read_checkpoint_card(run)["towers"])


def load_weights_into(module: nn.Module, path: Path) -> None:
    """Load a safetensors file of a run. Raises ModelError if it is unreadable or does not fit the module."""
    try:
        module.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    except RuntimeError as error:
        raise ModelError(f"{path} does not fit the model described in {CARD}: {error}") from error


def check_towers(clip: nn.Module) -> None:
    """Raise ModelError, naming the supported models, if this package cannot compute the model's token features."""
    kind = type(clip).__name__
    if type(clip) not in (open_clip.CLIP, open_clip.CustomTextCLIP):
        raise ModelError(f"model class {kind} is not supported; {SUPPORTED}")
    visual: Any = clip.visual
    text = text_tower(clip)
    if type(visual) not in (open_clip.transformer.VisionTransformer, open_clip.modified_resnet.ModifiedResNet):
        raise ModelError(f"{kind} with image tower {type(visual).__name__} is not supported; {SUPPORTED}")
    if not _is_resnet(visual) and (visual.attn_pool is not None or visual.pool_type != "tok"):
        pooling = "attention" if visual.attn_pool is not None else repr(visual.pool_type)
        raise ModelError(f"an image tower with {pooling} pooling is not supported; {SUPPORTED}")
    if text is not clip and type(text) is not open_clip.transformer.TextTransformer:
        raise ModelError(f"{kind} with text tower {type(text).__name__} is not supported; {SUPPORTED}")
    if getattr(text, "cls_emb", None) is not None or getattr(text, "use_pad_mask", False):
        raise ModelError(f"a text tower with a class embedding or a padding mask is not supported; {SUPPORTED}")
    if text_pool(clip)[0] not in ("argmax", "eos"):
        raise ModelError(f"a text tower with pool_type {text_pool(clip)[0]!r} is not supported; {SUPPORTED}")
    if clip.logit_bias is not None:
        raise ModelError("a model with a logit bias is not supported: this method's loss is a softmax, not a sigmoid")


def image_tokens(clip: nn.Module, images: Tensor) -> Tensor:
    """Return V (B, Lv, D) of images (B, 3, H, W); V[:, 0] equals `clip.encode_image(images)`.

    Lv is 1 + H*W / patch^2 for a Vision Transformer, and 1 + H*W / 32^2 for a ResNet.
    """
    visual: Any = clip.visual
    if _is_resnet(visual):
        read = visual.forward_intermediates(images, indices=1, intermediates_only=True)
        return _pooled_for_every_token(visual.attnpool, read["image_intermediates"][-1])
    read = visual.forward_intermediates(
        images,
        indices=1,
        normalize_intermediates=True,
        intermediates_only=True,
        output_fmt="NLC",
        output_extra_tokens=True,
    )
    tokens = torch.cat([read["image_intermediates_prefix"][-1], read["image_intermediates"][-1]], dim=1)
    return tokens @ visual.proj


def text_tokens(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Return T (B, Lt, D) of token ids (B, Lt); at `eot_position` it equals `clip.encode_text(tokens)`."""
    tower: Any = text_tower(clip)
    length = tokens.shape[1]
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:length].to(dtype)
    mask = None if tower.attn_mask is None else tower.attn_mask[:length, :length]
    x = tower.ln_final(tower.transformer(x, attn_mask=mask))
    projection = tower.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, nn.Linear) else x @ projection


def eot_position(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Return the position (B,) of the token that the text tower's pooling selects."""
    return end_position(text_pool(clip), tokens)


def end_position(pool: tuple[str, int], tokens: Tensor) -> Tensor:
    """Return the position (B,) of the pooled token; `pool` is the text tower's `text_pool`."""
    pool_type, eos_id = pool
    return tokens.argmax(dim=-1) if pool_type == "argmax" else (tokens == eos_id).int().argmax(dim=-1)


def is_causal(clip: nn.Module) -> bool:
    """Return whether text attention is causal; if so, trimming padding does not change any token's features."""
    return getattr(text_tower(clip), "attn_mask", None) is not None


def at_position(features: Tensor, position: Tensor) -> Tensor:
    """Return features[b, position[b]] for each b: (B, L, D) -> (B, D)."""
    return features[torch.arange(len(features), device=features.device), position]


def embed_width(clip: nn.Module) -> int:
    """Return D, the width of the joint embedding space."""
    visual: Any = clip.visual
    return int(visual.output_dim)


def image_size(clip: nn.Module) -> tuple[int, int]:
    """Return the height and width of the image tower's input."""
    visual: Any = clip.visual
    size = visual.image_size
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def text_tower(clip: nn.Module) -> nn.Module:
    """Return the module with the text tower's layers: CLIP itself, or CustomTextCLIP's `text`."""
    return getattr(clip, "text", clip)


def text_pool(clip: Any) -> tuple[str, int]:
    """Return the text tower's pool_type and, for pool_type 'eos', the id of the pooled token."""
    tower: Any = text_tower(clip)
    return (clip.text_pool_type, clip.text_eos_id) if tower is clip else (tower.pool_type, tower.eos_id)


def _is_resnet(visual: nn.Module) -> bool:
    return type(visual) is open_clip.modified_resnet.ModifiedResNet


def _pooled_for_every_token(pool: Any, feature_map: Tensor) -> Tensor:
    """Apply open_clip's AttentionPool2d with each token as a query, the mean first: (B, C, H, W) -> (B, 1 + H*W, D)."""
    x = feature_map.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)
    x = x + pool.positional_embedding.to(x.dtype)
    heads = (pool.num_heads, -1)
    query, key, value = (
        projection(x).unflatten(-1, heads).transpose(1, 2) for projection in (pool.q_proj, pool.k_proj, pool.v_proj)
    )
    read = F.scaled_dot_product_attention(query, key, value)
    return pool.c_proj(read.transpose(1, 2).flatten(2))


@contextmanager
def _no_warning_of_random_weights(*, quiet: bool) -> Iterator[None]:
    """Silence open_clip's warning about random weights, which misleads if a checkpoint then replaces them."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING if quiet else before)
    try:
        yield
    finally:
        logging.disable(before)
