"""What a step costs apart from time: floating-point operations and memory."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import NamedTuple

import torch

from benchmarks.peak_memory import peak_mib
from benchmarks.steps import Steps, Variant, Workload
from model.training.flops import count_flops


class Flops(NamedTuple):
    """Matrix products and convolutions; two operations a multiply-add."""

    forward: int
    step: int  # forward and backward


def step_flops(work: Workload, variant: Variant) -> Flops:
    """Count on the meta device: no number is computed."""
    loss = Steps(replace(work, device="meta", bf16=False), [variant]).losses[variant]
    return Flops(count_flops(loss), count_flops(lambda: loss().backward()))


def peak_memory(work: Workload, variant: Variant, *, compiled: bool) -> int:
    """Peak bytes of one step with AdamW: of the process on a CPU, of torch's allocator on a GPU.

    Measured in a process of its own.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure_peak, work, variant, compiled).result()


def _measure_peak(work: Workload, variant: Variant, compiled: bool) -> int:
    torch.set_num_threads(work.threads)
    steps = Steps(work, [variant])
    loss = torch.compile(steps.losses[variant]) if compiled else steps.losses[variant]
    optimizer = make_optimizer(steps)
    for _ in range(2):  # AdamW's state is there from the second on
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
    if work.device == "cuda":
        return torch.cuda.max_memory_allocated()
    return int(peak_mib() * 2**20)


def make_optimizer(steps: Steps) -> torch.optim.Optimizer:
    """AdamW over all that `steps` built; parameters without a gradient cost a step nothing."""
    return torch.optim.AdamW(steps.modules.parameters(), lr=1e-6, fused=True)
