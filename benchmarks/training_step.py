"""Measures the time of training steps: `python -m benchmarks.training_step --help`.

The steps alternate in one process, so that a busy machine slows all of them equally. Reports the median time over the
rounds, and the median ratio to the step "+ explanation encoded" of the same round. Time is the process's CPU time on a
CPU, and wall time between synchronisations on a GPU. docs/performance.md has the results.
"""

import logging
import statistics
from dataclasses import asdict
from typing import Annotated, Any, NamedTuple

import torch
import typer
from tqdm import trange

from benchmarks.measuring import JsonPath, in_process, median_and_range, run_main, show_table, write_results
from benchmarks.steps import BASELINE, Bf16, Device, Flops, ModelName, Steps, Threads, Variant, Workload, peak_memory
from model.distributed.device import choose_device

# peak rates of dense bf16 products, from the manufacturers' data sheets
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
    optimizer = steps.optimizer()
    taken: dict[Name, list[Seconds]] = {name: [] for name in names}
    for number in trange(warmup + rounds, desc="rounds", unit="round"):
        for name, loss in losses.items():
            optimizer.zero_grad(set_to_none=True)
            began = work.now()
            loss().backward()
            between = work.now()
            optimizer.step()
            if number >= warmup:
                taken[name].append(Seconds(between - began, work.now() - between))
    return taken


def summarise(
    taken: dict[Name, list[Seconds]], flops: dict[Variant, Flops], memory: dict[Name, int], peak: float | None
) -> list[dict[str, Any]]:
    """Return one record per named step. `peak` is in FLOP/s. Ratios are relative to `BASELINE` in the same round."""
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
    print(f"{work.model}, batch {work.batch}, {work}")
    show_table(
        {
            "step": str(Name(Variant(record["step"]), record["compiled"])),
            "forward GFLOP": record["forward_flops"] / 1e9,
            "s": median_and_range(record["seconds"]),
            "ratio": record.get("ratio"),
            "ratio range": " to ".join(f"{end:.3f}" for end in record.get("ratio_range", ())),
            "AdamW s": statistics.median(record["optimiser_seconds"]),
            "GFLOP/s": record["flops_per_second"] / 1e9,
            "MFU": record["utilisation"],
            "peak bytes": record["peak_memory_bytes"],
        }
        for record in records
    )
    print("s: median (range) of forward and backward; ratio: time relative to the step with the explanation encoded")


def main(
    model: ModelName = "ViT-B-32",
    batch: Annotated[int | None, typer.Option(min=2, help="Batch size. Default: 16 on a CPU, 192 on a GPU.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Number of measured rounds.")] = 5,
    warmup: Annotated[int, typer.Option(min=0, help="Number of warm-up rounds, which are not measured.")] = 1,
    only: Annotated[list[Variant] | None, typer.Option(help="Step to measure (repeatable). Default: all.")] = None,
    context_length: Annotated[int | None, typer.Option(min=2, help="Context length. Default: the model's.")] = None,
    caption_tokens: Annotated[int, typer.Option(min=2, help="Maximum caption length in tokens.")] = 40,
    explanation_tokens: Annotated[int, typer.Option(min=2, help="Maximum explanation length in tokens.")] = 77,
    device: Device = "cpu",
    bf16: Bf16 = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Also measure each step with torch.compile.")] = False,
    threads: Threads = 1,
    memory: Annotated[bool, typer.Option(help="Also measure peak memory, in separate processes.")] = True,
    peak_tflops: Annotated[float | None, typer.Option(help="Peak TFLOP/s of the machine, to compute MFU.")] = None,
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
    flops = {variant: Flops.of(work, variant) for variant in variants}
    if peak_tflops is None and on_gpu and work.bf16:
        peak_tflops = _PEAK_TFLOPS.get(torch.cuda.get_device_name())
    taken = run_rounds(work, names, rounds, warmup)
    records = summarise(taken, flops, peaks, None if peak_tflops is None else peak_tflops * 1e12)
    show(records, work)
    head = {"workload": asdict(work), "torch": torch.__version__, "peak_tflops": peak_tflops}
    write_results(json_path, {**head, "machine": str(work), "steps": records})


if __name__ == "__main__":
    run_main(main)
