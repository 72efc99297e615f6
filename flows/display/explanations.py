"""Shows explanations for `entityclip inspect`: location, provenance, counts, lengths, and damage."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from entityclip.contract.status import EXPLAINED, Status
from flows.display.printing import bars, fields, heading, plural, print_lines, say, share
from pipeline.files.visible_text import visible
from pipeline.inspect.histogram import Histogram
from pipeline.inspect.provenance import Origin
from pipeline.inspect.summary import Summary

_SHOWN, _SHOWN_FAULTS = 5, 10  # items shown of lists that may be long
_LOST = set(Status) - set(EXPLAINED)


def show_summary(console: Console, summary: Summary) -> None:
    """Print the whole summary of some explanations."""
    show_header(console, summary)
    for number, origin in enumerate(summary.origins[:_SHOWN]):
        of = f" ({plural(origin.shards, 'shard')})" if len(summary.origins) > 1 else ""
        heading(console, f"made by{of}" if number == 0 else f"and by{of}")
        fields(console, _origin(origin), 300)
    if len(summary.origins) > _SHOWN:
        say(console, f"... and {len(summary.origins) - _SHOWN} more combinations")
    if not summary.rows:
        return
    heading(console, "rows by status and split")
    print_lines(console, _counts(summary))
    heading(console, "finish reason")
    reasons = summary.finish_reasons.items()
    bars(console, (("none" if reason is None else reason, count) for reason, count in reasons), summary.rows)
    _histogram(console, "length of the texts, tokens of the LLM", summary.completion_tokens)
    _histogram(console, "length of the explanations, tokens of CLIP", summary.clip_tokens)


def show_header(console: Console, summary: Summary) -> None:
    """Print where the explanations are, their size and state, and any damage."""
    found, made = summary.found, summary.made
    console.print(Text(f"{found.kind}: {visible(found.location)}", style="bold"), soft_wrap=True)
    versions = ", ".join(sorted({visible(str(origin.made["schema_version"]), 40) for origin in summary.origins}))
    size = sum(look.size for look in summary.looks) / 2**20
    about = f"{plural(summary.rows, 'row')} in {plural(len(summary.looks), 'shard')}, {size:,.1f} MiB"
    say(console, f"{about}; schema version {versions}" if versions else about)
    if found.kind == "explanations":
        buckets = (
            "no bucket finished" if made.buckets is None else f"{made.receipts:,} of {made.buckets:,} buckets finished"
        )
        say(console, f"{summary.state}: {buckets}", "green" if made.complete else "yellow")
        for line in _unfinished(summary):
            say(console, f"  {line}", "yellow")
    for note in summary.notes:
        say(console, f"note: {note}", "yellow")
    for fault in summary.faults[:_SHOWN_FAULTS]:
        counted = "its rows are still counted" if fault.shown else "left out"
        say(console, f"damaged: {visible(fault.name)}: {fault.why}; {counted}", "red")
    if len(summary.faults) > _SHOWN_FAULTS:
        say(console, f"damaged: {len(summary.faults) - _SHOWN_FAULTS:,} more; --json lists all", "red")


def _unfinished(summary: Summary) -> list[str]:
    made = summary.made
    lines = []
    if made.unfinished:
        which = ", ".join(str(bucket) for bucket in made.unfinished[:_SHOWN])
        more = ", ..." if len(made.unfinished) > _SHOWN else ""
        lines.append(f"{plural(len(made.unfinished), 'bucket')} without a receipt, so not finished: {which}{more}")
    if made.pending:
        lines.append(f"{plural(made.pending, 'planned pair')} left for a later run by --limit")
    if made.spooled:
        answers = sum(made.spooled.values())
        files = plural(len(made.spooled), "bucket")
        lines.append(f"{plural(answers, 'answer')} of {files} in the spool, not in shards yet")
    if made.half_written:
        lines.append(f"{plural(len(made.half_written), 'temporary file')} of an active or killed writer")
    for names, what in ((made.missing, "missing though a receipt lists it"), (made.unlisted, "in no receipt")):
        lines += [f"{visible(name)} is {what}" for name in names[:_SHOWN]]
        if len(names) > _SHOWN:
            lines.append(f"... and {len(names) - _SHOWN} more")
    lines += [f"being written by {writer}, unless that was killed" for writer in made.writers[:_SHOWN]]
    if not made.complete:
        lines.append("continue with entityclip generate; train uses the rows available with --allow-partial")
    return lines


def _origin(origin: Origin) -> list[tuple[str, object]]:
    made = origin.made
    prompt = made.get("prompt")
    dates = " to ".join(_date(date) for date in (origin.began_at, origin.finished_at) if date)
    roots = list(origin.image_roots)
    return [
        ("dataset", made.get("dataset")),
        ("model", made.get("model")),
        ("revision", made.get("revision")),
        ("engine", ", ".join(origin.engines)),
        ("prompt", prompt.get("name") if isinstance(prompt, dict) else prompt),
        ("sampling", _sampling(made.get("sampling"))),
        ("generated", dates),
        ("image root", roots[0] + (f" and {len(roots) - 1} others" if len(roots) > 1 else "")),
    ]


def _date(date: str) -> str:
    """Format a date as `2026-11-21 12:04:34 UTC` if we wrote it; return other text unchanged."""
    return f"{date[:10]} {date[11:19]} UTC" if date.endswith("+00:00") and date[10:11] == "T" else date


def _sampling(sampling: Any) -> str:
    if not isinstance(sampling, dict):
        return ""
    return ", ".join(f"{name} {value}" for name, value in sampling.items() if value not in ([], None))


def _counts(summary: Summary) -> Table:
    splits = list(summary.counts)
    statuses = list(dict.fromkeys(status for split in splits for status in summary.counts[split]))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("status", no_wrap=True)
    for split in [*splits, "all", ""]:
        table.add_column(Text(visible(split, 20)), justify="right", no_wrap=True)
    for status in statuses:
        found = [summary.counts[split].get(status, 0) for split in splits]
        row = [f"{count:,}" for count in (*found, sum(found))]
        table.add_row(Text(visible(status, 20), style=status_style(status)), *row, share(sum(found), summary.rows))
    totals = [sum(summary.counts[split].values()) for split in splits]
    if len(statuses) > 1:
        table.add_row("all", *(f"{count:,}" for count in (*totals, summary.rows)), "", style="bold")
    return table


def status_style(status: str) -> str:
    """Return the colour for a status: green for ok, yellow for other rows with an explanation, red for rows without."""
    if status == "ok":
        return "green"
    return "red" if status in _LOST else "yellow"


def _histogram(console: Console, title: str, found: Histogram | None) -> None:
    if found is None:
        return
    heading(console, title)
    bars(console, (_bin(bin.low, bin.high, bin.rows) for bin in found.bins), found.rows, numbers=True)
    shares = ", ".join(f"{round(100 * part)} % at most {found.quantiles[part]:,}" for part in (0.5, 0.95, 0.99))
    say(console, f"{found.least:,} to {found.most:,}, mean {found.mean:,.1f}; {shares}")
    if found.context is not None and found.over is not None:
        say(console, f"longer than CLIP's {found.context}: {found.over:,} ({share(found.over, found.rows)})")
    if found.unknown:
        say(console, f"unknown for {plural(found.unknown, 'row')}")


def _bin(low: int, high: int | None, rows: int) -> tuple[str, int]:
    if high is None:
        return f"{low:,} and more", rows
    return (f"{low:,}" if low == high else f"{low:,}-{high:,}"), rows
