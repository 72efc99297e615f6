"""Floating-point operations and peak memory of a training step."""

from dataclasses import replace
from typing import NamedTuple

import torch

from benchmarks.measuring import peak_mib
from benchmarks.steps import Steps, Variant, Workload
from model.training.flops import count_flops


class Flops(NamedTuple):
    """Operations in matrix products and convolutions; a multiply-add counts as two."""

    forward: int
    step: int  # forward and backward


def step_flops(work: Workload, variant: Variant) -> Flops:
    """Count a step's operations on the meta device, which computes nothing."""
    loss = Steps(replace(work, device="meta", bf16=False), [variant]).losses[variant]
    return Flops(count_flops(loss), count_flops(lambda: loss().backward()))


def peak_memory(work: Workload, variant: Variant, *, compiled: bool) -> int:
    """Run two steps with AdamW in this process, and return the peak memory in bytes."""
    torch.set_num_threads(work.threads)
    steps = Steps(work, [variant])
    loss = torch.compile(steps.losses[variant]) if compiled else steps.losses[variant]
    optimizer = make_optimizer(steps)
    for _ in range(2):  # the first step allocates AdamW's state
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
    return peak_bytes(work)


def peak_bytes(work: Workload) -> int:
    """Return the peak bytes of this process: RSS on a CPU, torch's allocator on a GPU."""
    return torch.cuda.max_memory_allocated() if work.device == "cuda" else int(peak_mib() * 2**20)


def make_optimizer(steps: Steps) -> torch.optim.Optimizer:
    """Return AdamW over all modules of `steps`; parameters without gradients add no cost."""
    return torch.optim.AdamW(steps.modules.parameters(), lr=1e-6, fused=True)
