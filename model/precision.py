"""Mixed precision: the towers may run in bf16; scores, softmaxes and losses are computed in fp32."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from model.errors import ModelError


def forward_context(precision: str, device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    """Return a factory of contexts for forward passes: bf16 autocast (weights stay fp32), or null contexts for "fp32".

    Raises ModelError if the device does not support bf16.
    """
    if precision == "fp32":
        return nullcontext
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ModelError(f"{torch.cuda.get_device_name(device)} does not support bf16; set precision=fp32")
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


def at_least_fp32(x: Tensor) -> Tensor:
    """Return `x` in fp32, or unchanged if its precision is higher."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def fine_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Return `a @ b` in fp32 or higher precision, even under bf16 autocast."""
    a, b = at_least_fp32(a), at_least_fp32(b)
    if not torch.amp.is_autocast_available(a.device.type):  # as on the meta device
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b
