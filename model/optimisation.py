"""AdamW's parameter groups and the learning rate's schedule."""

import math
from typing import Any

import torch

from model.entityclip import EntityCLIP
from model.settings import OptimSettings

MAX_LOGIT_SCALE = math.log(100)  # CLIP's own bound: above it training becomes unstable


def make_optimizer(model: EntityCLIP, settings: OptimSettings) -> torch.optim.AdamW:
    """Towers at `lr`, training-only modules at `new_lr`; no decay on biases, norms, embeddings, logit_scale.

    Every group carries `peak_lr` and a `name` of "towers" or "new".
    """
    groups: dict[tuple[str, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = "towers" if name.startswith("clip.") else "new"
            # the experts' biases and norms are stacked to matrices, so the name decides beside the shape
            spared = "embedding" in name or ".ln_" in name or name.endswith("bias")
            decays = parameter.ndim >= 2 and not spared
            groups.setdefault((part, decays), []).append(parameter)
    peaks = {"towers": settings.lr, "new": settings.new_lr}
    described: list[dict[str, Any]] = [
        {
            "params": parameters,
            "name": part,
            "peak_lr": peaks[part],
            "weight_decay": settings.weight_decay if decays else 0.0,
        }
        for (part, decays), parameters in groups.items()
    ]
    betas = (settings.beta1, settings.beta2)
    return torch.optim.AdamW(described, lr=settings.lr, betas=betas, eps=1e-6, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, step: int, settings: OptimSettings) -> dict[str, float]:
    """Set every group's rate for `step` (from 0); returns it by group name."""
    share = schedule(step, settings.steps, settings.warmup)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * share
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate at `step` (from 0): linear warm-up over a share of the steps, then cosine to zero."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def gradient_norm(model: torch.nn.Module) -> float:
    """Length of all gradients together."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients).item()


@torch.no_grad()
def clamp_logit_scale(model: EntityCLIP) -> None:
    """Keep exp(logit_scale) between 1 and 100, in place."""
    assert isinstance(model.clip.logit_scale, torch.Tensor)
    model.clip.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
