"""The last lines that a command prints: the rows left out, links to its results, and the commands to run next."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from entityclip.contract.status import EXPLAINED, Status
from flows.display.printing import show_lines
from model.run_kind import UNIMPROVED as UNIMPROVED
from pipeline.generation.summary import GenerationSummary


def show_next(*commands: str) -> None:
    """Print the commands that the user would typically run next."""
    show_lines(*(f"next: {command}" for command in commands))


def link(path: Path) -> str:
    """Return a `file://` link, which terminals open with a click."""
    return path.resolve().as_uri()


def after_generation(summary: GenerationSummary, command: list[str], max_tokens: int, manifest: Path) -> Iterator[str]:
    """Yield a line for each status other than `ok`: its meaning, and how to generate such rows again if that can help.

    Then yield the commands that show these rows and that train on the explanations.

    Args:
        command: words of the command that generated the rows.
        max_tokens: token limit at which the truncated rows were cut off.
        manifest: the manifest; training settings shipped with it are suggested.
    """
    again = shlex.join(command)
    remedies = {
        Status.TRUNCATED: f"generate them again with: {again} --redo truncated --redo-max-tokens {2 * max_tokens}",
        Status.REFUSED: "the same prompt will mostly be refused again; change generation.prompt or generation.model, "
        f"or retry with: {again} --redo refused",
        Status.ERROR: f"generate them again with: {again} --redo error",
    }
    counts = sum(map(Counter, summary.counts.values()), Counter[str]())
    others = [status for status in Status if status is not Status.OK and counts[status]]
    for status in others:
        remedy = f"; {remedies[status]}" if status in remedies else ""
        yield f"{counts[status]:,} {status.value}: {status.meaning}{remedy}"
    output = shlex.quote(summary.output)
    if others:
        yield f"look at these rows: entityclip inspect {output} --where \"status <> 'ok'\" --sample 5"
    settings = manifest.with_suffix("") / "train.yaml"
    partial = " --allow-partial" if summary.pending else ""
    if settings.is_file():
        run = shlex.quote(str(Path("runs") / summary.dataset / "run"))
        given = f"{shlex.quote(str(settings))} --out {run}"
        yield f"next: entityclip train {given} --set data.explanations={output}{partial}"
    else:
        yield f"next: entityclip train SETTINGS.yaml --out RUN --set data.explanations={output}{partial}"


def left_out(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the number of unused rows by status, and the setting that would include the rows with an explanation.

    Args:
        data: the entry for training rows in a run's record; its "statuses" and "used" are numbers of rows by status.
    """
    unused = Counter(data["statuses"]) - Counter(data["used"])
    if not unused:
        return
    named = ", ".join(f"{count:,} {status}" for status, count in unused.most_common())
    yield f"rows not used for training: {unused.total():,} of {sum(data['statuses'].values()):,} ({named})"
    usable = [status for status in EXPLAINED if status in data["used"] or status in unused]
    if set(usable) - data["used"].keys():
        yield f"to use those with an explanation as well: --set 'data.statuses=[{', '.join(usable)}]'"
