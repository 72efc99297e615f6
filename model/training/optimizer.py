"""Optimiser parameter groups, learning rate schedule, gradient clipping and the bound on logit_scale."""

import difflib
import math
import re
from typing import Any

import torch
from torch import nn

from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.settings.schema import GroupSettings, OptimSettings

MAX_LOGIT_SCALE = math.log(100)  # CLIP's bound (section 2.5), against instability


def make_optimizer(model: EntityCLIP, settings: OptimSettings) -> torch.optim.Optimizer:
    """Build the optimiser with `lr` for the towers, `new_lr` for training-only modules, and exceptions from `groups`.

    Biases, norms, embeddings and logit_scale never have weight decay. Every group has a `peak_lr` and a `name`:
    "towers", "new", or the pattern that sets its learning rate.

    Raises ModelError, suggesting similar parameter names, for a pattern that has no effect.
    """
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    chosen = _by_pattern(parameters, settings.groups)
    groups: dict[tuple[str, float, float], list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        group = chosen.get(name)
        part, lr = ("towers", settings.lr) if name.startswith("clip.") else ("new", settings.new_lr)
        decay = settings.weight_decay if decays(name, parameter) else 0.0
        if group is not None and group.lr is not None:
            part, lr = group.pattern, group.lr
        if group is not None and group.weight_decay is not None and decays(name, parameter):
            decay = group.weight_decay
        groups.setdefault((part, lr, decay), []).append(parameter)
    described: list[dict[str, Any]] = [
        {"params": members, "name": part, "peak_lr": lr, "weight_decay": decay}
        for (part, lr, decay), members in groups.items()
    ]
    make = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return make(described, lr=settings.lr, betas=(settings.beta1, settings.beta2), eps=settings.eps, fused=True)


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Return True unless the parameter is a bias, norm, embedding or logit_scale, which have no weight decay."""
    # the experts' biases and norms are stacked into matrices, so shape alone cannot tell them apart
    exempt = "embedding" in name or ".ln_" in name or name.endswith("bias")
    return parameter.ndim >= 2 and not exempt


def _by_pattern(parameters: dict[str, nn.Parameter], groups: tuple[GroupSettings, ...]) -> dict[str, GroupSettings]:
    """Map each parameter's name to the first group with a matching pattern."""
    chosen: dict[str, GroupSettings] = {}
    for group in groups:
        where = f"optim.groups: the pattern {group.pattern!r}"
        found = [name for name in parameters if re.search(group.pattern, name)]
        if not found:
            near = _near(group.pattern, list(parameters))
            raise ModelError(f"{where} matches no trained parameter; similar names: {', '.join(near)}")
        free = [name for name in found if name not in chosen]
        if not free:
            raise ModelError(f"{where} matches only parameters that earlier patterns match; move it before them")
        if group.lr is None and not any(decays(name, parameters[name]) for name in free):
            raise ModelError(f"{where} matches only parameters without weight decay, such as {free[0]}")
        chosen |= dict.fromkeys(free, group)
    return chosen


def _near(pattern: str, names: list[str]) -> list[str]:
    """Suggest parameter names or prefixes similar to the pattern."""
    word = re.sub(r"[^A-Za-z0-9_.]", "", pattern.replace(r"\.", ".")).strip(".")
    parts = {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}
    single = {part for name in names for part in name.split(".") if not part.isdigit()}
    return difflib.get_close_matches(word, sorted(parts | single), n=3, cutoff=0.4) or names[:3]


def set_learning_rate(
    optimizer: torch.optim.Optimizer, step: int, steps: int, settings: OptimSettings
) -> dict[str, float]:
    """Set every group's learning rate for `step` (from 0) of `steps`; return the rates by group name."""
    share = schedule(step, steps, settings.warmup)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * share
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def schedule(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak rate at `step` (from 0): linear warm-up for `warmup * steps`, then cosine decay."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def gradient_norm(model: nn.Module) -> float:
    """Return the norm of all gradients taken together."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients).item()


def clip_gradients(model: nn.Module, max_norm: float | None, norm: float) -> None:
    """Scale the gradients in place so that their total norm, now `norm`, is at most `max_norm`."""
    if max_norm is not None:
        torch.nn.utils.clip_grads_with_norm_(model.parameters(), max_norm, torch.tensor(norm))


@torch.no_grad()
def clamp_logit_scale(model: EntityCLIP) -> None:
    """Clamp exp(logit_scale) to [1, 100] in place."""
    assert isinstance(model.clip.logit_scale, torch.Tensor)
    model.clip.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
