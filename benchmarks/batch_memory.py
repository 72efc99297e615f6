"""Peak memory of a step by batch size, at once and in micro-batches: `python -m benchmarks.batch_memory --help`.

Each measurement runs one full step in its own process: forward, backward and AdamW, whose state is allocated before.
Memory is the peak RSS on a CPU, the peak of torch's allocator on a GPU; time is CPU time on a CPU, wall time on a GPU.
docs/performance.md has the results.
"""

import logging
import sys
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import psutil
import torch
import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks.costs import make_optimizer, peak_bytes
from benchmarks.measuring import JsonPath, in_process, run_main, write_results
from benchmarks.steps import Steps, Variant, Workload
from model.distributed.device import choose_device
from model.method.entityclip import EntityCLIP
from model.settings.schema import MethodSettings
from model.training.step import TrainingStep


class Point(NamedTuple):
    """Memory and time of one measured step."""

    batch: int
    micro_batch: int | None  # None: the whole batch at once
    before_bytes: int  # in use before the step: weights and AdamW's state
    peak_bytes: int
    seconds: float


def measure(work: Workload, micro_batch: int | None, *, plain: bool) -> Point:
    """Measure one step in this process."""
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns about random weights, which are intended
    torch.set_num_threads(work.threads)
    on_gpu = work.device == "cuda"
    steps = Steps(work, [] if plain else [Variant.FULL])
    model: Any = EntityCLIP(steps.clip, MethodSettings(mmae=False, gi_itm=False)) if plain else steps.modules["full"]
    optimizer = make_optimizer(steps)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    batch = steps.padded.to(torch.device("cpu"))  # as from a data loader
    autocast = partial(torch.autocast, work.device, torch.bfloat16, enabled=work.bf16)
    step = TrainingStep(model, 0, autocast, micro_batch_size=micro_batch)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() if on_gpu else psutil.Process().memory_info().rss
    began = work.now()
    step.gradients(1, batch)
    optimizer.step()
    return Point(work.batch, micro_batch, before, peak_bytes(work), seconds=work.now() - began)


def show(points: list[Point], head: str) -> None:
    """Print the measurements as a table."""
    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print(head)
    table = Table()
    for column in ("batch", "micro-batch", "peak GiB", "above weights and AdamW, GiB", "MiB a pair", "s a step"):
        table.add_column(column, justify="right")
    for point in points:
        above = point.peak_bytes - point.before_bytes
        table.add_row(
            str(point.batch),
            "at once" if point.micro_batch is None else str(point.micro_batch),
            f"{point.peak_bytes / 2**30:.2f}",
            f"{above / 2**30:.2f}",
            f"{above / 2**20 / point.batch:.1f}",
            f"{point.seconds:.2f}",
        )
    console.print(table)


def main(
    model: Annotated[str, typer.Option(help="an open_clip name; weights are random")] = "ViT-B-32",
    batch: Annotated[
        list[int] | None, typer.Option(min=2, help="repeatable; by default 8 to 64, GPU 128 to 4096")
    ] = None,
    micro_batch: Annotated[int | None, typer.Option(min=1, help="by default 8, on a GPU 128")] = None,
    at_once_up_to: Annotated[
        int | None, typer.Option(min=0, help="run batches above this size only with micro-batches")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="plain CLIP instead of EntityCLIP")] = False,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="where")] = "cpu",
    bf16: Annotated[bool | None, typer.Option(help="bf16 autocast; by default on a GPU only")] = None,
    threads: Annotated[int, typer.Option(min=1, help="torch threads on a CPU")] = 1,
    json_path: JsonPath = None,
) -> None:
    """Measure a step at each batch size, at once and in micro-batches."""
    on_gpu = choose_device(device).type == "cuda"
    sizes = batch or ([128, 256, 512, 1024, 2048, 4096] if on_gpu else [8, 16, 32, 64])
    micro_batch = micro_batch or (128 if on_gpu else 8)
    work = Workload(model=model, bf16=on_gpu if bf16 is None else bf16, device=device, threads=threads)
    wanted: list[tuple[int, int | None]] = [
        (size, None) for size in sizes if at_once_up_to is None or size <= at_once_up_to
    ]
    wanted += [(size, micro_batch) for size in sizes if size > micro_batch]
    points = [
        in_process(measure, replace(work, batch=size), micro, plain=plain)
        for size, micro in tqdm(wanted, desc="steps", unit="step")
    ]
    where = torch.cuda.get_device_name() if on_gpu else f"CPU, {threads} thread(s)"
    what = "plain CLIP" if plain else "EntityCLIP"
    head = f"{model}, {what}, {'bf16 autocast' if work.bf16 else 'fp32'}, {where}, torch {torch.__version__}"
    show(points, head)
    write_results(json_path, {"what": head, "workload": asdict(work), "points": [point._asdict() for point in points]})


if __name__ == "__main__":
    run_main(main)
