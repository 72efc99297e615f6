"""The training loop shared by the builds of the demo's CLIP and language model."""

import math
from collections.abc import Callable

import torch
from torch.optim.lr_scheduler import LambdaLR
from tqdm import trange


def fit(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int,
    next_loss: Callable[[], torch.Tensor],
    title: str,
) -> None:
    """Train `model` in place with a linear warm-up, a cosine decay to about zero, and gradients clipped to norm 1.

    Args:
        next_loss: function that draws a batch and returns its loss.
        title: title of the progress bar.
    """
    warm_up = max(1, round(0.1 * steps))

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    schedule = LambdaLR(optimizer, factor)
    model.train()
    for _ in (bar := trange(steps, desc=title, unit="step", disable=None)):
        loss = next_loss()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    model.eval()
