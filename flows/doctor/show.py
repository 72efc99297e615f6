"""Shows the facts of `entityclip doctor` as text."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.display.printing import plural, print_lines, say
from flows.doctor.fact import SEVERITIES, Fact
from pipeline.files.visible_text import visible

_STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "bold red"}
_NAME_WIDTH = len("shared_memory")


def show_fact(fact: Fact, console: Console) -> None:
    """Print a fact as a table row with fixed column widths, followed by its remedy."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for width in (len("warning"), _NAME_WIDTH):
        table.add_column(width=width, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(fact.status, _STYLES[fact.status]), fact.name, Text(visible(f"{fact.value}: {fact.meaning}")))
    print_lines(console, table)
    if fact.remedy is not None:  # not wrapped, so that users can copy the command
        console.print(Text(f"{'fix:':>7}  {visible(fact.remedy)}", "bold"), soft_wrap=True)
    console.file.flush()


def show_verdict(facts: list[Fact], console: Console) -> None:
    """Print how many facts have each status."""
    counts = Counter(fact.status for fact in facts)
    worst = next(status for status in SEVERITIES if counts[status])
    others = [
        f"{counts['ok']:,} ok",
        *(plural(counts[name], name) for name in reversed(SEVERITIES[:-1]) if counts[name]),
    ]
    console.print()
    say(console, f"{plural(len(facts), 'fact')}: {', '.join(others)}", f"bold {_STYLES[worst]}")
