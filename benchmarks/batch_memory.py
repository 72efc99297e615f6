"""Measures a training step's peak memory by batch size: `python -m benchmarks.batch_memory --help`.

Each process measures one full step (forward, backward and AdamW), on a whole batch or in micro-batches. AdamW's
state is allocated beforehand. Memory is the peak RSS on a CPU and the peak of torch's allocator on a GPU; time is CPU
time on a CPU and wall time on a GPU. docs/performance.md has the results.
"""

import logging
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any, NamedTuple

import psutil
import torch
import typer
from tqdm import tqdm

from benchmarks.measuring import JsonPath, in_process, run_main, show_table, write_results
from benchmarks.steps import Bf16, Device, ModelName, Steps, Threads, Variant, Workload
from model.distributed.device import choose_device
from model.method.entityclip import EntityCLIP
from model.settings.schema import MethodSettings
from model.training.step import TrainingStep


class Point(NamedTuple):
    """Memory and time of one measured step."""

    batch: int
    micro_batch: int | None  # None if the batch is not split
    before_bytes: int  # memory in use before the step, for weights and AdamW's state
    peak_bytes: int
    seconds: float

    @property
    def above_bytes(self) -> int:
        return self.peak_bytes - self.before_bytes


def measure(work: Workload, micro_batch: int | None, *, plain: bool) -> Point:
    """Measure one step in this process."""
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns about random weights, which are intended
    torch.set_num_threads(work.threads)
    on_gpu = work.device == "cuda"
    steps = Steps(work, [] if plain else [Variant.FULL])
    model: Any = EntityCLIP(steps.clip, MethodSettings(mmae=False, gi_itm=False)) if plain else steps.modules["full"]
    optimizer = steps.optimizer()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    batch = steps.padded.to(torch.device("cpu"))  # where a data loader would leave it
    autocast = partial(torch.autocast, work.device, torch.bfloat16, enabled=work.bf16)
    step = TrainingStep(model, 0, autocast, micro_batch_size=micro_batch)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() if on_gpu else psutil.Process().memory_info().rss
    began = work.now()
    step.gradients(1, batch)
    optimizer.step()
    return Point(work.batch, micro_batch, before, work.peak_bytes(), seconds=work.now() - began)


def main(
    model: ModelName = "ViT-B-32",
    batch: Annotated[
        list[int] | None, typer.Option(min=2, help="Batch size (repeatable). Default: 8 to 64 (GPU: 128 to 4096).")
    ] = None,
    micro_batch: Annotated[int | None, typer.Option(min=1, help="Micro-batch size. Default: 8 (GPU: 128).")] = None,
    at_once_up_to: Annotated[
        int | None, typer.Option(min=0, help="Largest batch to run at once. Larger batches run only in micro-batches.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Measure plain CLIP instead of EntityCLIP.")] = False,
    device: Device = "cpu",
    bf16: Bf16 = None,
    threads: Threads = 1,
    json_path: JsonPath = None,
) -> None:
    """Measure a step at each batch size, on the whole batch and in micro-batches."""
    on_gpu = choose_device(device).type == "cuda"
    sizes = batch or ([128, 256, 512, 1024, 2048, 4096] if on_gpu else [8, 16, 32, 64])
    micro_batch = micro_batch or (128 if on_gpu else 8)
    work = Workload(model=model, bf16=on_gpu if bf16 is None else bf16, device=device, threads=threads)
    at_once = [size for size in sizes if at_once_up_to is None or size <= at_once_up_to]
    wanted = [(size, None) for size in at_once] + [(size, micro_batch) for size in sizes if size > micro_batch]
    points = [
        in_process(measure, replace(work, batch=size), micro, plain=plain)
        for size, micro in tqdm(wanted, desc="steps", unit="step")
    ]
    head = f"{model}, {'plain CLIP' if plain else 'EntityCLIP'}, {work}, torch {torch.__version__}"
    print(head)
    show_table(
        {
            "batch": point.batch,
            "micro-batch": point.micro_batch or "at once",
            "peak GiB": point.peak_bytes / 2**30,
            "above weights and AdamW, GiB": point.above_bytes / 2**30,
            "MiB a pair": point.above_bytes / 2**20 / point.batch,
            "s a step": point.seconds,
        }
        for point in points
    )
    write_results(json_path, {"what": head, "workload": asdict(work), "points": [point._asdict() for point in points]})


if __name__ == "__main__":
    run_main(main)
