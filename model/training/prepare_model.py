"""Prepares a model for training: locks towers, enables activation checkpointing, and compiles blocks."""

from typing import Any

from torch import nn

from model.clip.open_clip_import import open_clip
from model.clip.towers import text_tower
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.method.mmae import ExpertBlock
from model.settings.schema import LockSettings, TrainSettings


def prepare(model: EntityCLIP, settings: TrainSettings) -> None:
    """Apply the settings for locking, activation checkpointing and compilation in place; parameter names do not change.

    Raises ModelError for a setting that the towers do not support.
    """
    lock_towers(model.clip, settings.lock)
    if settings.grad_checkpointing:
        checkpoint_blocks(model.clip)
    if settings.compile is not None:
        compile_blocks(model, settings.compile)


def lock_towers(clip: nn.Module, lock: LockSettings) -> None:
    """Freeze locked towers with open_clip's own functions.

    The batch norms of a locked ResNet also keep their statistics. Raises ModelError if a tower has no groups to unlock,
    or if nothing would stay locked.
    """
    towers: Any = clip
    if lock.image:
        groups = lock.image_unlocked_groups
        if groups and not isinstance(towers.visual, open_clip.transformer.VisionTransformer):
            raise ModelError("lock.image_unlocked_groups: a ResNet can only be locked as a whole; set it to 0")
        towers.lock_image_tower(unlocked_groups=groups, freeze_bn_stats=True)
        _check_locked(towers.visual, f"lock.image_unlocked_groups={groups}")
    if lock.text:
        text: Any = text_tower(clip)
        towers.lock_text_tower(unlocked_layers=lock.text_unlocked_layers)
        _check_locked(text.transformer, f"lock.text_unlocked_layers={lock.text_unlocked_layers}")


def checkpoint_blocks(clip: nn.Module) -> None:
    """Enable activation checkpointing in the transformer blocks.

    Raises ModelError for a ResNet, because open_clip does not support checkpointing for it.
    """
    towers: Any = clip
    if not isinstance(towers.visual, open_clip.transformer.VisionTransformer):
        raise ModelError("open_clip does not support grad_checkpointing for a ResNet; set it to false")
    towers.set_grad_checkpointing(True)


def compile_blocks(model: EntityCLIP, backend: str) -> None:
    """Compile every transformer block and every group of experts separately.

    The identical blocks of a tower share one compilation. The losses, which draw random numbers, are not compiled.
    """
    kinds = (open_clip.transformer.ResidualAttentionBlock, ExpertBlock)
    for module in model.modules():
        if isinstance(module, kinds):
            module.compile(backend=backend)


def _check_locked(tower: nn.Module, setting: str) -> None:
    if all(parameter.requires_grad for parameter in tower.parameters()):
        raise ModelError(f"{setting} would leave no part of the tower locked; choose a lower value")
