"""Scores, softmaxes and losses are computed in fp32 whatever the towers run in."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from model.errors import ModelError


def forward_context(precision: str, device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    """What makes the context of a forward pass: bf16 autocast over fp32 weights, or nothing for "fp32".

    Raises ModelError where the device cannot multiply in bf16.
    """
    if precision == "fp32":
        return nullcontext
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ModelError(f"precision: {torch.cuda.get_device_name(device)} has no bf16; use fp32")
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


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
