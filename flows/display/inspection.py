"""Finds out what a path contains and shows it as text or JSON, for `entityclip inspect`."""

import json
import sys
from pathlib import Path

from rich.console import Console

from entityclip.contract.locations import is_url
from flows.display.explanations import show_header, show_summary
from flows.display.next_steps import show_next
from flows.display.rows import show_diff, show_matching, show_rows
from flows.display.training_run import show_run
from model.runs import RunOverview, is_training_run, overview
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.inspection import Inspection, Wanted, inspect_explanations
from pipeline.inspect.summary import summarise

EXPLANATIONS = "explanations"  # subfolder of the result folders of the demo and `run_entityclip`


def inspect(location: str, wanted: Wanted, *, as_json: bool) -> bool:
    """Show the explanations or runs at a path or URL; return False if any file is damaged.

    Raises:
        PipelineError: the location has no explanations or runs, or the `wanted` content cannot be shown.
    """
    parts = _open(location, wanted)
    if as_json:
        plain = [part.as_plain() for part in parts]
        folder = {"inspect_version": 1, "kind": "folder of runs", "location": location, "parts": plain}
        print(json.dumps(plain[0] if len(plain) == 1 else folder, ensure_ascii=True, indent=1, allow_nan=False))
    else:
        # Characters that the terminal cannot encode are escaped instead of raising an error.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        console = Console(highlight=False, markup=False, emoji=False)
        for number, part in enumerate(parts):
            if number:
                console.print()
            _show(console, part, wanted)
        show_next(*_next_command(location, parts, wanted))
    return not any(part.damaged if isinstance(part, RunOverview) else part.summary.faults for part in parts)


def _open(location: str, wanted: Wanted) -> list[Inspection | RunOverview]:
    """Return what the location contains: one item, or several for a folder with both explanations and runs."""
    if not is_url(location) and is_training_run(Path(location)):
        found = overview(Path(location))
        if wanted:
            raise PipelineError(
                f"{visible(location)} is a training run, which has no rows; inspect the explanations that "
                f"it was trained on: entityclip inspect {visible(str(found.explanations))}"
            )
        return [found]
    summary = summarise(location)
    if summary is not None:
        return [inspect_explanations(summary, wanted)]
    parts = [] if is_url(location) else _parts(Path(location), wanted)
    if not parts:
        raise PipelineError(
            f"{visible(location)} has neither explanations (split=*/part-*.parquet) nor a training run (train.json)"
        )
    return parts


def _parts(folder: Path, wanted: Wanted) -> list[Inspection | RunOverview]:
    summary = summarise(folder / EXPLANATIONS) if (folder / EXPLANATIONS).is_dir() else None
    if wanted:
        return [] if summary is None else [inspect_explanations(summary, wanted)]
    runs = [overview(child) for child in sorted(folder.iterdir()) if child.is_dir() and is_training_run(child)]
    return [*([] if summary is None else [Inspection(summary)]), *runs]


def _next_command(location: str, parts: list[Inspection | RunOverview], wanted: Wanted) -> tuple[object, ...]:
    if wanted:
        return ("serve", location)
    runs = [part for part in parts if isinstance(part, RunOverview)]
    if not runs:
        return ("inspect", location, "--sample", 5)
    unmeasured = next((run.location for run in runs if run.record and not run.evaluation), None)
    return ("evaluate", unmeasured) if unmeasured else ("report", location)


def _show(console: Console, part: Inspection | RunOverview, wanted: Wanted) -> None:
    if isinstance(part, RunOverview):
        show_run(console, part)
        return
    if not wanted:
        show_summary(console, part.summary)
        return
    show_header(console, part.summary)
    if part.matching is not None:
        show_matching(console, part.matching)
    if part.samples is not None:
        show_rows(console, part.samples, whole=bool(wanted.ids))
    if part.diff is not None:
        show_diff(console, part.diff)
    if part.exported is not None:
        console.print(f"wrote {part.exported:,} rows to {visible(str(wanted.out))}", soft_wrap=True)
