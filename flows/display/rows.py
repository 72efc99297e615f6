"""Shows rows, and compares two sets of explanations, for `entityclip inspect`."""

from typing import Any

from rich.console import Console
from rich.text import Text

from flows.display.explanations import status_style
from flows.display.printing import bars, fields, heading, plural, print_lines, share
from pipeline.files.visible_text import visible
from pipeline.inspect.diff import Diff, Difference

_TEXT, _WHOLE_TEXT = 600, 20_000  # maximum characters shown per text: in samples, and in rows requested by id
_STYLES = {"=": "", "-": "red strike", "+": "green"}
_MARKS = {"-": ("[-", "-]"), "+": ("{+", "+}")}


def show_matching(console: Console, matching: dict[str, dict[str, int]]) -> None:
    """Print how many rows meet the condition."""
    total = sum(sum(by_status.values()) for by_status in matching.values())
    heading(console, plural(total, "matching row"))
    bars(console, ((f"{split} {status}", n) for split, found in matching.items() for status, n in found.items()), total)


def show_rows(console: Console, rows: list[dict[str, Any]], *, whole: bool) -> None:
    """Print each row as a block; with `whole`, include technical fields and print long texts in full."""
    for row in rows:
        console.print()
        show_title(console, row)
        fields(console, _fields(row), _WHOLE_TEXT if whole else _TEXT)
        if whole:
            fields(console, [(name, str(row[name])) for name in ("key", "seed", "model", "revision", "shard")], _TEXT)


def show_title(console: Console, row: dict[str, Any], before: str | None = None) -> None:
    """Print a row's id, split and status, with the earlier status `before` if it is given and differs."""
    status = visible(row["status"], 40)
    title = Text(visible(row["id"], 200), style="bold")
    title.append(f"  {visible(row['split'], 40)}  ", style="dim")
    changed = before not in (None, row["status"])
    title.append(f"{visible(str(before), 40)} -> {status}" if changed else status, style=status_style(row["status"]))
    console.print(title)


def _fields(row: dict[str, Any]) -> list[tuple[str, object]]:
    image = row["image"] or {}
    packed = "" if image.get("bytes") is None else f" ({len(image['bytes']):,} bytes packed)"
    return [
        ("image", f"{image.get('path')}{packed}"),
        ("topic", row["topic"]),
        ("caption", row["caption"]),
        ("explanation", row["explanation"]),
        ("as generated", row["raw_text"] if row["raw_text"] != row["explanation"] else None),
        ("error", row["error"]),
        ("tokens", counted_tokens(row)),
    ]


def counted_tokens(row: dict[str, Any]) -> str | None:
    """Return a row's numbers of tokens and its finish_reason as text; None if the row has no answer."""
    counts = [(row["prompt_tokens"], "prompt"), (row["completion_tokens"], "LLM"), (row["clip_tokens"], "CLIP")]
    tokens = ", ".join(f"{count:,} {whose}" for count, whose in counts if count is not None)
    ended = f"; ended by {row['finish_reason']}" if row["finish_reason"] else ""
    return f"{tokens}{ended}" if tokens else None


def show_diff(console: Console, diff: Diff) -> None:
    """Print counts of the rows that differ, the differences in provenance, and word-level diffs of a sample."""
    heading(console, f"compared with {diff.other}")
    fields(
        console,
        [
            ("pairs in both", f"{diff.both:,}"),
            ("explanations differ", f"{diff.explanations:,} ({share(diff.explanations, diff.both)})"),
            ("statuses differ", f"{diff.statuses:,} ({share(diff.statuses, diff.both)})"),
            ("captions differ", f"{diff.captions:,}"),
            ("keys differ", f"{diff.keys:,}"),
            ("only in this one", f"{diff.only_here:,}"),
            ("only in the other", f"{diff.only_there:,}"),
        ],
    )
    if diff.made:
        heading(console, "generated differently: this -> other")
        fields(console, ((name, f"{here} -> {there}") for name, (here, there) in diff.made.items()), _TEXT)
    if diff.changes:
        heading(console, "statuses: this -> other")
        bars(console, ((f"{here} -> {there}", count) for here, there, count in diff.changes), diff.both)
    for sample in diff.samples:
        _show_difference(console, sample)


def _show_difference(console: Console, sample: Difference) -> None:
    console.print()
    show_title(console, sample.one | {"status": sample.other["status"]}, before=sample.one["status"])
    fields(console, [("caption", sample.one["caption"])], _TEXT)
    pieces = []
    for sign, words in sample.words:
        before, after = _MARKS.get(sign, ("", ""))
        pieces.append(Text(f"{before}{visible(words, _TEXT)}{after}", _STYLES[sign]))
    print_lines(console, Text(" ").join(pieces))
