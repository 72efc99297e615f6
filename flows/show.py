"""What the command line prints: summaries and tables for people."""

import shlex
from collections import Counter
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model.authors_checkpoint import Imported
from model.training import TrainResult
from pipeline.check import CheckReport
from pipeline.probe import Probe
from pipeline.status import Status
from pipeline.summary import GenerationSummary

console = Console()


def show_check(report: CheckReport) -> None:
    """Counts, what would be done, problems, and the first rendered prompts."""
    splits = ", ".join(f"{split} {count:,}" for split, count in report.pairs.items())
    size = report.plan_bytes / 2**20
    console.print(f"pairs: {splits}; in {report.num_shards:,} shards a split; the plan takes {size:,.1f} MiB")
    for line in report.reading:
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"to generate: {report.to_generate:,}, redone {report.redone:,}", end="")
    console.print(f"; there already: {report.reused:,}; a status without a text: {report.settled:,}", end="")
    console.print(f"; left for later: {report.pending:,}")
    if report.to_generate:
        mean = report.prompt_tokens / report.to_generate
        console.print(f"prompts: {mean:,.0f} tokens on average, {report.longest_prompt:,} at most")
    console.print(f"images decoded: {report.images_checked:,}; problems: {len(report.problems)}")
    for problem in report.problems[:10]:
        console.print(f"  {escape(problem)}")
    if len(report.problems) > 10:
        console.print(f"  ... and {len(report.problems) - 10} more")
    for prompt in report.prompts:
        console.rule(f"prompt of {escape(prompt.id)}, {prompt.tokens} tokens", align="left")
        for message in prompt.messages:
            console.print(f"[bold]{message['role']}[/bold]: {escape(message['content'])}")
    if report.probe is not None:
        _show_estimate(report.probe)


def _show_estimate(probe: Probe) -> None:
    console.rule("estimate", align="left")
    errors = f", {probe.errors} of them errors" if probe.errors else ""
    rates = f"{probe.rows / probe.seconds:,.1f} rows/s, {probe.completion_tokens / probe.seconds:,.0f} tokens/s"
    console.print(f"{probe.rows} prompts took {probe.seconds:.1f} s{errors}: {rates}")
    console.print(f"opening the engine took {probe.opening_seconds:.1f} s")
    duration = timedelta(seconds=round(probe.estimated_seconds))
    console.print(f"all {probe.to_generate:,} at this rate: {duration}")


def show_generation(summary: GenerationSummary) -> None:
    """Rows by split and status, tokens, rate, and where the shards are."""
    found = {status for by_status in summary.counts.values() for status in by_status}
    statuses = [status.value for status in Status if status in found]
    table = Table("split", *statuses, title=f"explanations of {summary.dataset}", title_justify="left")
    for split, by_status in summary.counts.items():
        table.add_row(split, *(f"{by_status.get(status, 0):,}" for status in statuses))
    console.print(table)
    console.print(f"generated {summary.generated:,}; reused {summary.reused:,}; left for later {summary.pending:,}")
    if summary.generated:
        rate = summary.completion_tokens / summary.seconds
        console.print(
            f"{summary.engine}: {summary.completion_tokens:,} tokens in {summary.seconds:.1f} s, {rate:,.0f} tokens/s"
        )
    console.print(f"shards: {escape(summary.output)}", soft_wrap=True)


def next_steps(summary: GenerationSummary, command: list[str], max_tokens: int) -> list[str]:
    """What may be done about rows without a good explanation, a line for each status that can be redone.

    Args:
        command: the words of the command that generated.
        max_tokens: the budget that was too small for truncated rows.
    """
    counts: Counter[str] = Counter()
    for by_status in summary.counts.values():
        counts.update(by_status)
    again = shlex.join(command)
    lines = {
        Status.TRUNCATED: f"{again} --redo truncated --redo-max-tokens {2 * max_tokens}",
        Status.REFUSED: "the same prompt is mostly refused again, so change generation.prompt or generation.model; "
        f"to ask once more: {again} --redo refused",
        Status.ERROR: f"{again} --redo error",
    }
    return [f"{counts[status]:,} {status.value}: {line}" for status, line in lines.items() if counts[status]]


def show_training(result: TrainResult) -> None:
    """Where the run is, its best step and its rate."""
    best = "" if result.best_mean_recall is None else f", validation mean recall {result.best_mean_recall:.1f}"
    console.print(
        f"{result.steps} steps in {result.seconds:.1f} s, {result.samples_per_second:.0f} samples/s; "
        f"best step {result.best_step}{best}"
    )
    console.print(f"run: {escape(str(result.out))}", soft_wrap=True)


def show_import(imported: Imported) -> None:
    """What an imported checkpoint is, and what was assumed of it."""
    for line in imported.lines():
        console.print(line, markup=False, soft_wrap=True)
