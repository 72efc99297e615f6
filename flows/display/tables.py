"""Building blocks for the output of `entityclip inspect`: text is escaped by `visible` and never parsed as markup."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.files.visible_text import visible

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 28


def heading(console: Console, text: str) -> None:
    """Print an empty line and the heading of a section."""
    console.print()
    say(console, visible(text), "bold")


def say(console: Console, text: str, style: str = "") -> None:
    """Print a text that is safe for a terminal, wrapped at its width."""
    print_lines(console, Text(text, style))


def fields(console: Console, pairs: Iterable[tuple[str, str]], limit: int | None = None) -> None:
    """Print names and texts in two columns; texts wrap within theirs."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in pairs:
        table.add_row(name, Text(visible(text, limit)))
    print_lines(console, table)


def bars(console: Console, rows: Iterable[tuple[str, int]], total: int, *, numbers: bool = False) -> None:
    """Print a bar per row, scaled to the longest, with the count and its share of `total`.

    Args:
        numbers: align the names to the right.
    """
    rows = list(rows)
    longest = max((count for _, count in rows), default=0)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right" if numbers else "left", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, count in rows:
        table.add_row(Text(visible(name, 40)), f"{count:,}", share(count, total), Text(_bar(count, longest), "cyan"))
    print_lines(console, table)


def print_lines(console: Console, what: Table | Text) -> None:
    """Print a renderable, without trailing blanks unless the console is a terminal."""
    if console.is_terminal:
        console.print(what)
        return
    with console.capture() as lines:
        console.print(what)
    for line in lines.get().splitlines():
        print(line.rstrip(), file=console.file)


def share(count: int, total: int) -> str:
    """Return a share in percent; a small one is not rounded to zero."""
    if not total:
        return ""
    percent = 100 * count / total
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, as in `1 shard`, `2 shards`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _bar(count: int, longest: int) -> str:
    if not count:
        return ""
    eighths = max(1, round(8 * _BAR * count / longest))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
