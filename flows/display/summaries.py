"""Shows summaries of generation and training."""

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from flows.display.next_steps import UNIMPROVED, left_out, link
from flows.display.printing import console, show_lines
from pipeline.generation.summary import GenerationSummary

if TYPE_CHECKING:  # torch takes seconds to import, and is not needed for generation
    from model.training.loop import TrainResult


def show_generation(summary: GenerationSummary) -> None:
    """Print row counts by split and status, tokens, rate, and the location of the shards."""
    console.print(f"explanations of {summary.dataset}")  # a table's title would wrap at the table's width
    table = Table("split", *summary.statuses)
    for split, by_status in summary.counts.items():
        table.add_row(split, *(f"{by_status.get(status, 0):,}" for status in summary.statuses))
    console.print(table)
    console.print(f"generated {summary.generated:,}; reused {summary.reused:,}; pending {summary.pending:,}")
    if summary.generated:
        rate = summary.completion_tokens / summary.seconds
        console.print(
            f"{summary.engine}: {summary.completion_tokens:,} tokens in {summary.seconds:.1f} s, {rate:,.0f} tokens/s"
        )
    console.print(f"shards: {escape(summary.output)}", soft_wrap=True)


def show_training(result: "TrainResult | None") -> None:
    """Print a run's folder, best step and rate. `result` is None if the run had already finished."""
    if result is None:
        console.print("already trained with these settings on these shards")
        return
    from model.runs import overview
    from model.tracking.learning_curves import CURVES

    best = "" if result.best_mean_recall is None else f", validation mean recall {result.best_mean_recall:.1f}"
    console.print(
        f"{result.steps} steps in {result.seconds:.1f} s, {result.samples_per_second:.0f} samples/s; "
        f"best step {result.best_step}{best}"
    )
    record = overview(result.out).record
    show_lines(*left_out(record["data"]["train"]))
    if result.best_step == 0 and result.best_mean_recall is not None:
        show_lines(UNIMPROVED, style="bold red")
    console.print(f"run: {escape(str(result.out))}; learning curves: {link(result.out / CURVES)}", soft_wrap=True)
