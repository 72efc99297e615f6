"""The learning-rate schedule of both builds: linear warm-up, cosine decay."""

import math

import torch
from torch.optim.lr_scheduler import LambdaLR

_WARM_UP_SHARE = 0.1


def warm_up_then_cosine(optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """Return a schedule over `steps` optimiser steps that starts and ends near zero."""
    warm_up = max(1, round(steps * _WARM_UP_SHARE))

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return LambdaLR(optimizer, factor)
