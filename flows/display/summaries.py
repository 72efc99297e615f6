"""Shows summaries of generation and training."""

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from entityclip.contract.status import Status
from flows.display.printing import console
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


def next_steps(summary: GenerationSummary, command: list[str], max_tokens: int) -> list[str]:
    """Return suggestions for rows without a good explanation: one line per status whose rows can be regenerated.

    Args:
        command: words of the command that generated the rows.
        max_tokens: token limit at which the truncated rows were cut off.
    """
    counts = sum(map(Counter, summary.counts.values()), Counter[str]())
    again = shlex.join(command)
    lines = {
        Status.TRUNCATED: f"{again} --redo truncated --redo-max-tokens {2 * max_tokens}",
        Status.REFUSED: "the same prompt will mostly be refused again; change generation.prompt or generation.model, "
        f"or retry with {again} --redo refused",
        Status.ERROR: f"{again} --redo error",
    }
    return [f"{counts[status]:,} {status.value}: {line}" for status, line in lines.items() if counts[status]]


def show_training(result: "TrainResult | None") -> None:
    """Print a run's folder, best step and rate. None means that the run was already finished."""
    if result is None:
        console.print("already trained with these settings on these shards")
        return
    from model.tracking.learning_curves import CURVES

    best = "" if result.best_mean_recall is None else f", validation mean recall {result.best_mean_recall:.1f}"
    console.print(
        f"{result.steps} steps in {result.seconds:.1f} s, {result.samples_per_second:.0f} samples/s; "
        f"best step {result.best_step}{best}"
    )
    console.print(f"run: {escape(str(result.out))} (learning curves: {CURVES})", soft_wrap=True)
