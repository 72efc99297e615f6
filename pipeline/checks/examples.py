"""Examples that go with a finding: which row, and what is seen there."""

from collections.abc import Iterable, Sequence

from pipeline.checks.report import Example
from pipeline.checks.row_store import RowStore

_LONGEST = 100  # letters of a text that is quoted
_NAMED = 2  # rows of a group that are named


def quoted(text: str) -> str:
    """A text in quotation marks, cut where it is long; what no terminal shows is spelt out."""
    return f"{text[:_LONGEST]!r}..." if len(text) > _LONGEST else repr(text)


def example(rows: RowStore, row: int, detail: str) -> Example:
    """A row with its split and id."""
    pair = rows.pair(row)
    return Example(row=row, split=pair.split, id=pair.id, detail=detail)


def captions(rows: RowStore, some: Iterable[int]) -> list[Example]:
    """Rows with their captions."""
    return [example(rows, row, quoted(rows.pair(row).caption)) for row in some]


def rows_named(rows: RowStore, some: Sequence[int]) -> str:
    """Rows by split, id and number."""
    named = [f"{rows.pair(row).split} {rows.pair(row).id} (row {row})" for row in some[:_NAMED]]
    return ", ".join(named) + (f" and {len(some) - _NAMED:,} more" if len(some) > _NAMED else "")
