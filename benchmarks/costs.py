"""Floating-point operations and peak memory of a step."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import NamedTuple

import torch

from benchmarks.peak_memory import peak_mib
from benchmarks.steps import Steps, Variant, Workload
from model.training.flops import count_flops


class Flops(NamedTuple):
    """Operations in matrix products and convolutions; a multiply-add counts as two."""

    forward: int
    step: int  # forward and backward


def step_flops(work: Workload, variant: Variant) -> Flops:
    """Count a step's operations on the meta device, without computing it."""
    loss = Steps(replace(work, device="meta", bf16=False), [variant]).losses[variant]
    return Flops(count_flops(loss), count_flops(lambda: loss().backward()))


def peak_memory(work: Workload, variant: Variant, *, compiled: bool) -> int:
    """Measure the peak bytes of a step with AdamW in its own process: RSS on a CPU, torch's allocator on a GPU."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure_peak, work, variant, compiled).result()


def _measure_peak(work: Workload, variant: Variant, compiled: bool) -> int:
    torch.set_num_threads(work.threads)
    steps = Steps(work, [variant])
    loss = torch.compile(steps.losses[variant]) if compiled else steps.losses[variant]
    optimizer = make_optimizer(steps)
    for _ in range(2):  # the first step allocates AdamW's state
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
    if work.device == "cuda":
        return torch.cuda.max_memory_allocated()
    return int(peak_mib() * 2**20)


def make_optimizer(steps: Steps) -> torch.optim.Optimizer:
    """Return AdamW over all modules of `steps`; parameters without gradients add no cost."""
    return torch.optim.AdamW(steps.modules.parameters(), lr=1e-6, fused=True)
