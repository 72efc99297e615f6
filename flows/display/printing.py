"""The shared console, and helpers for untrusted text, which is escaped by `visible` and never parsed as markup."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.files.visible_text import visible, visible_lines

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 28

console = Console()


def show_lines(*lines: str, style: str | None = None) -> None:
    """Print lines on the shared console, escaped, without markup and without wrapping."""
    for line in lines:
        console.print(visible_lines(line), style=style, markup=False, highlight=False, soft_wrap=True)


def heading(console: Console, text: str, style: str = "bold") -> None:
    """Print an empty line, then the heading of a section."""
    console.print()
    say(console, text, style)


def say(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """Print a text of one or more lines, escaped to be safe for terminals and wrapped at the console's width."""
    shown = Text(visible_lines(text), style)
    print_lines(console, Padding.indent(shown, indent) if indent else shown)


def fields(console: Console, pairs: Iterable[tuple[str, object]], limit: int | None = None) -> None:
    """Print names and values in two columns, skipping None and empty values; long texts wrap within their column."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, ""):
            table.add_row(name, Text(visible(str(value), limit)))
    print_lines(console, table)


def titled_table(title: str, *columns: str) -> Table:
    """Return an empty, compact table whose numeric columns are right-aligned."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in ("arm", "query", "") else "right", no_wrap=True)
    return table


def bars(console: Console, rows: Iterable[tuple[str, int]], total: int, *, numbers: bool = False) -> None:
    """Print each row (name, count) with a bar scaled to the largest count, and with the count's share of `total`.

    Args:
        numbers: whether the names are numbers, which are right-aligned.
    """
    rows = list(rows)
    longest = max((count for _, count in rows), default=0)
    table = Table.grid(padding=(0, 2, 0, 0))
    for right in (numbers, True, True, False):
        table.add_column(justify="right" if right else "left", no_wrap=True)
    for name, count in rows:
        table.add_row(Text(visible(name, 40)), f"{count:,}", share(count, total), Text(_bar(count, longest), "cyan"))
    print_lines(console, table)


def print_lines(console: Console, what: Table | Text | Padding) -> None:
    """Print a renderable object. If the console is not a terminal, strip trailing spaces from each line."""
    if console.is_terminal:
        console.print(what)
        return
    with console.capture() as lines:
        console.print(what)
    for line in lines.get().splitlines():
        print(line.rstrip(), file=console.file)


def share(count: int, total: int) -> str:
    """Format `count` / `total` in percent; a small non-zero share becomes `< 0.1 %`."""
    if not total:
        return ""
    percent = 100 * count / total
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def plural(count: int, noun: str) -> str:
    """Format a count with its noun, such as `1 shard` or `2 shards`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _bar(count: int, longest: int) -> str:
    if not count:
        return ""
    eighths = max(1, round(8 * _BAR * count / longest))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
