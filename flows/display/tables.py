"""Small pieces of what `entityclip inspect` prints: all text goes through `visible`, none is read as markup."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.files.visible_text import visible

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 28


def heading(console: Console, text: str) -> None:
    """A line that begins a section, after an empty one."""
    console.print()
    say(console, visible(text), "bold")


def say(console: Console, text: str, style: str = "") -> None:
    """A line of text that is fit for a terminal; what does not fit in the width goes on below."""
    print_lines(console, Text(text, style))


def fields(console: Console, pairs: Iterable[tuple[str, str]], limit: int | None = None) -> None:
    """Names and texts in two columns; texts wrap in theirs."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in pairs:
        table.add_row(name, Text(visible(text, limit)))
    print_lines(console, table)


def bars(console: Console, rows: Iterable[tuple[str, int]], total: int, *, numbers: bool = False) -> None:
    """A bar a row, as long as its share of the longest, with the count and its share of `total`.

    Names that are `numbers` stand to the right.
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
    """As it is on a terminal; in a pipe or a file without the blanks that end its lines."""
    if console.is_terminal:
        console.print(what)
        return
    with console.capture() as lines:
        console.print(what)
    for line in lines.get().splitlines():
        print(line.rstrip(), file=console.file)


def share(count: int, total: int) -> str:
    """In percent, with enough digits to tell a few from none."""
    if not total:
        return ""
    percent = 100 * count / total
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def plural(count: int, noun: str) -> str:
    """`1 shard`, `2 shards`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _bar(count: int, longest: int) -> str:
    if not count:
        return ""
    eighths = max(1, round(8 * _BAR * count / longest))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
