"""Scores, softmaxes and losses are computed in fp32 whatever the towers run in."""

import torch
from torch import Tensor


def at_least_fp32(x: Tensor) -> Tensor:
    """`x` in fp32, or as it is where it is finer."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def fine_matmul(a: Tensor, b: Tensor) -> Tensor:
    """`a @ b` in fp32 or finer, also where autocast would multiply in bf16."""
    a, b = at_least_fp32(a), at_least_fp32(b)
    if not torch.amp.is_autocast_available(a.device.type):  # the meta device
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b
