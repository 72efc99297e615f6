"""Foreign text in Markdown, so that it is read as text and nothing else."""

import re
from typing import Any


def code(value: Any) -> str:
    """A code span, in which Markdown and HTML are plain text."""
    text = " ".join(str(value).split()) or " "
    fence = "`" * (_longest_run(text) + 1)
    inner = f" {text} " if text[0] == "`" or text[-1] == "`" else text
    return f"{fence}{inner}{fence}"


def fenced(text: str, language: str) -> str:
    """A block of code that nothing in it can end."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(rows: list[list[str]]) -> str:
    """A table, the first row its head, the first column to the left and others to the right."""
    head, *body = rows
    rule = ["---", *["--:"] * (len(head) - 1)]
    # a bar ends a cell even within a code span
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in [head, rule, *body]]
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
