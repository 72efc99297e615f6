"""Shows the rows of `entityclip preview` with their pictures, or the whole preview as JSON."""

import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from entityclip.contract.image_rules import BadImage, image_file
from entityclip.contract.progress import duration
from entityclip.contract.status import Status
from flows.display.explanations import status_style
from flows.display.next_steps import link
from flows.display.printing import fields, heading, plural, say
from flows.display.rows import counted_tokens, show_title
from flows.display.terminal_pictures import LONGEST, Draw, picture_drawer
from pipeline.checking.preview import Preview
from pipeline.images.resize import shown_pixels
from pipeline.shards.shard import Row

_TEXT = 1_000  # maximum characters shown per text


def show_preview(found: Preview, root: Path, console: Console, *, prompts: bool = False) -> None:
    """Print each row with its picture, caption, answer and status, then the counts and a time estimate.

    Args:
        root: folder that the rows' image paths are relative to.
        prompts: whether to print the prompts as well.
    """
    draw = picture_drawer(os.environ) if console.file.isatty() else None
    for line in found.reading:
        say(console, line)
    for row in found.explained.rows:
        console.print()
        show_title(console, asdict(row))
        _show_picture(row, root, console, draw)
        for message in found.explained.prompts.get(row.key, []) if prompts else []:
            say(console, f"{message['role']}: {message['content']}", "dim", indent=2)
        fields(console, _fields(row), _TEXT)
    _show_summary(found, console)


def as_json(found: Preview, root: Path, *, prompts: bool = False) -> str:
    """Return the preview as JSON; docs/check.md describes the fields."""
    rows = [
        {
            **asdict(row),
            "meaning": Status(row.status).meaning,
            "image_url": _image_url(row, root)[0],
            **({"prompt": found.explained.prompts.get(row.key)} if prompts else {}),
        }
        for row in found.explained.rows
    ]
    content = {
        "version": 1,
        "reading": found.reading,
        "pairs": found.pairs,
        "rows": rows,
        "statuses": _statuses(found),
        "engine": found.explained.engine,
        "sent": len(found.explained.prompts),
        "opening_seconds": found.explained.opening_seconds,
        "seconds": found.explained.seconds,
        "estimated_seconds": found.estimated_seconds,
    }
    return json.dumps(content, indent=1)


def _show_picture(row: Row, root: Path, console: Console, draw: Draw | None) -> None:
    """Print a link to the row's image and, if the terminal allows, draw it; if it is unusable, print the error."""
    url, problem = _image_url(row, root)
    if url is not None:
        console.print(Text(url), soft_wrap=True)  # not wrapped, so that the terminal recognises the whole link
    if row.status == Status.BAD_IMAGE:
        return
    if url is not None and draw is not None:
        try:
            print(draw(shown_pixels(root, row.image, None, LONGEST)), file=console.file, flush=True)
        except BadImage as error:
            problem = str(error)
    if problem is not None:
        say(console, f"no picture: {problem}", "red")


def _image_url(row: Row, root: Path) -> tuple[str | None, str | None]:
    """Return the link to a row's image, or None and the reason why the image cannot be linked."""
    try:
        return link(image_file(root, row.image)), None
    except BadImage as error:
        return None, str(error)


def _fields(row: Row) -> list[tuple[str, Any]]:
    status = Status(row.status)
    return [
        ("topic", row.topic),
        ("caption", row.caption),
        ("answer", row.explanation),
        ("as generated", row.raw_text if row.raw_text != row.explanation else None),
        ("tokens", counted_tokens(asdict(row))),
        (row.status, status.meaning if status is not Status.OK else None),
        ("reason", row.error),
    ]


def _statuses(found: Preview) -> dict[str, int]:
    counts = Counter(row.status for row in found.explained.rows)
    return {status.value: counts[status.value] for status in Status if counts[status.value]}


def _show_summary(found: Preview, console: Console) -> None:
    total = sum(found.pairs.values())
    heading(console, f"{len(found.explained.rows):,} of {plural(total, 'pair')}")
    for status, count in _statuses(found).items():
        console.print(Text(f"{count:>4} {status}", status_style(status)))
    estimate = found.estimated_seconds
    if estimate is None:
        say(console, "nothing was sent to the LLM, so there is no estimate of the time")
        return
    answers = plural(len(found.explained.prompts), "answer")
    opening = f"opening the engine took {found.explained.opening_seconds:.1f} s"
    say(console, f"{found.explained.engine}: {answers} in {found.explained.seconds:.1f} s; {opening}")
    say(
        console,
        f"estimate for all {total:,} pairs at this rate: {duration(estimate)}. A run sends more rows at once, so it is "
        "usually faster; `entityclip check` measures its rate with 64 prompts",
    )
