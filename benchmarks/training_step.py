"""Time of training steps: `python -m benchmarks.training_step --help`.

The steps alternate in one process, so that a busy machine slows all of them equally. Reports median times over the
rounds, and median ratios to the step with the explanation encoded, each taken within a round. Time is the process's CPU
time on a CPU, wall time between synchronisations on a GPU. docs/performance.md has the results.
"""

import logging
import statistics
import sys
from dataclasses import asdict
from typing import Annotated, Any, Literal, NamedTuple

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor
from tqdm import trange

from benchmarks.costs import Flops, make_optimizer, peak_memory, step_flops
from benchmarks.measuring import JsonPath, in_process, run_main, write_results
from benchmarks.steps import BASELINE, Steps, Variant, Workload
from model.distributed.device import choose_device

# dense bf16, from the manufacturers' data sheets
_PEAK_TFLOPS = {"NVIDIA H200": 989.5, "NVIDIA H100 80GB HBM3": 989.5, "NVIDIA A100-SXM4-80GB": 312.0}


class Name(NamedTuple):
    """Name of a row in the results table."""

    variant: Variant
    compiled: bool

    def __str__(self) -> str:
        return self.variant + (", compiled" if self.compiled else "")


class Seconds(NamedTuple):
    """Durations of the two parts of a step."""

    gradients: float  # forward and backward
    optimiser: float


def run_rounds(work: Workload, names: list[Name], rounds: int, warmup: int) -> dict[Name, list[Seconds]]:
    """Measure every named step once per round, after `warmup` unmeasured rounds."""
    steps = Steps(work, list(dict.fromkeys(name.variant for name in names)))
    losses = {n: torch.compile(steps.losses[n.variant]) if n.compiled else steps.losses[n.variant] for n in names}
    optimizer = make_optimizer(steps)
    taken: dict[Name, list[Seconds]] = {name: [] for name in names}
    for number in trange(warmup + rounds, desc="rounds", unit="round"):
        for name, loss in losses.items():
            optimizer.zero_grad(set_to_none=True)
            began = work.now()
            value: Tensor = loss()
            value.backward()
            between = work.now()
            optimizer.step()
            if number >= warmup:
                taken[name].append(Seconds(between - began, work.now() - between))
    return taken


def summarise(
    taken: dict[Name, list[Seconds]], flops: dict[Variant, Flops], memory: dict[Name, int], peak: float | None
) -> list[dict[str, Any]]:
    """Return one record per row; `peak` is in FLOP/s. Ratios are to the same round's step with explanation encoded."""
    records = []
    for name, steps in taken.items():
        seconds = [step.gradients for step in steps]
        median = statistics.median(seconds)
        cost = flops[name.variant]
        record: dict[str, Any] = {
            "step": name.variant.value,
            "compiled": name.compiled,
            "seconds": seconds,
            "seconds_median": median,
            "optimiser_seconds": [step.optimiser for step in steps],
            "forward_flops": cost.forward,
            "step_flops": cost.step,
            "flops_per_second": cost.step / median,
            "utilisation": None if peak is None else cost.step / median / peak,
            "peak_memory_bytes": memory.get(name),
        }
        baseline = taken.get(Name(BASELINE, name.compiled))
        if baseline is not None:
            ratios = [ours.gradients / theirs.gradients for ours, theirs in zip(steps, baseline, strict=True)]
            whole = [sum(ours) / sum(theirs) for ours, theirs in zip(steps, baseline, strict=True)]
            record |= {"ratio": statistics.median(ratios), "ratio_range": [min(ratios), max(ratios)]}
            record["ratio_with_optimiser"] = statistics.median(whole)
        records.append(record)
    return records


def show(records: list[dict[str, Any]], work: Workload) -> None:
    """Print the records as a table."""
    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print(f"{work.model}, batch {work.batch}, {_described(work)}")
    table = Table("step")
    for column in ("GFLOP", "s", "min-max", "ratio", "min-max", "AdamW s", "GFLOP/s", "MFU", "peak GiB"):
        table.add_column(column, justify="right")
    for record in records:
        low, high = min(record["seconds"]), max(record["seconds"])
        use, memory = record["utilisation"], record["peak_memory_bytes"]
        ratio = [f"{record['ratio']:.3f}", "{:.3f}-{:.3f}".format(*record["ratio_range"])] if "ratio" in record else []
        table.add_row(
            str(Name(Variant(record["step"]), record["compiled"])),
            f"{record['forward_flops'] / 1e9:.1f}",
            f"{record['seconds_median']:.3f}",
            f"{low:.3f}-{high:.3f}",
            *(ratio or ["", ""]),
            f"{statistics.median(record['optimiser_seconds']):.3f}",
            f"{record['flops_per_second'] / 1e9:,.0f}",
            "" if use is None else f"{100 * use:.1f} %",
            "" if memory is None else f"{memory / 2**30:.2f}",
        )
    console.print(table)
    console.print("GFLOP: forward; s: forward and backward; ratio: to the step with the explanation encoded")


def _described(work: Workload) -> str:
    where = torch.cuda.get_device_name() if work.device == "cuda" else f"CPU, {work.threads} thread(s), CPU time"
    return f"{'bf16 autocast' if work.bf16 else 'fp32'}, {where}"


def main(
    model: Annotated[str, typer.Option(help="an open_clip name; weights are random")] = "ViT-B-32",
    batch: Annotated[int | None, typer.Option(min=2, help="by default 16 on a CPU, 192 on a GPU")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="measured rounds")] = 5,
    warmup: Annotated[int, typer.Option(min=0, help="unmeasured rounds before")] = 1,
    only: Annotated[list[Variant] | None, typer.Option(help="only these steps (repeatable)")] = None,
    context_length: Annotated[int | None, typer.Option(min=2, help="padded length of texts")] = None,
    caption_tokens: Annotated[int, typer.Option(min=2, help="the longest caption; the length kept by trimming")] = 40,
    explanation_tokens: Annotated[int, typer.Option(min=2, help="the longest explanation")] = 77,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="where")] = "cpu",
    bf16: Annotated[bool | None, typer.Option(help="bf16 autocast; by default on a GPU only")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="also measure each under torch.compile")] = False,
    threads: Annotated[int, typer.Option(min=1, help="torch threads on a CPU")] = 1,
    memory: Annotated[bool, typer.Option(help="also measure peak memory, in separate processes")] = True,
    peak_tflops: Annotated[float | None, typer.Option(help="of the machine, for the utilisation (MFU)")] = None,
    json_path: JsonPath = None,
) -> None:
    """Time plain CLIP, CLIP with the explanation encoded, EntityCLIP, and a naive EntityCLIP."""
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns about random weights, which are intended
    on_gpu = choose_device(device).type == "cuda"
    work = Workload(
        model=model,
        batch=batch or (192 if on_gpu else 16),
        context_length=context_length,
        caption_tokens=caption_tokens,
        explanation_tokens=explanation_tokens,
        bf16=on_gpu if bf16 is None else bf16,
        device=device,
        threads=threads,
    )
    variants = only or list(Variant)
    torch.set_num_threads(threads)
    names = [Name(variant, form) for form in ((False, True) if compiled else (False,)) for variant in variants]
    peaks = {name: in_process(peak_memory, work, name.variant, compiled=name.compiled) for name in names if memory}
    flops = {variant: step_flops(work, variant) for variant in variants}
    if peak_tflops is None and on_gpu and work.bf16:
        peak_tflops = _PEAK_TFLOPS.get(torch.cuda.get_device_name())
    taken = run_rounds(work, names, rounds, warmup)
    records = summarise(taken, flops, peaks, None if peak_tflops is None else peak_tflops * 1e12)
    show(records, work)
    head = {"workload": asdict(work), "torch": torch.__version__, "peak_tflops": peak_tflops}
    write_results(json_path, {**head, "machine": _described(work), "steps": records})


if __name__ == "__main__":
    run_main(main)
