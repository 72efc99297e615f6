"""Formats the last lines that a command prints: unused rows, links to its results, and the commands to run next."""

import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from entityclip.contract.status import Status, unused_rows
from flows.display.printing import show_lines
from model.errors import ModelError
from model.run_kind import UNIMPROVED as UNIMPROVED
from model.settings.load import load_settings
from pipeline.generation.summary import GenerationSummary


def show_next(*words: object) -> None:
    """Print the command that the user would typically run next, given the words after `entityclip`."""
    show_lines(f"next: {command_line(*words)}")


def command_line(*words: object) -> str:
    """Return an `entityclip` command, quoted for a shell, that works in the current folder regardless of the PATH."""
    return shlex.join([*_program(), *map(str, words)])


def _program() -> list[str]:
    script = Path(sys.executable).with_name("entityclip")
    if not script.is_file():
        return [sys.executable, "-m", "flows.cli"]
    found = shutil.which("entityclip")
    if found and Path(found).absolute() == script:
        return ["entityclip"]
    return [str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)]


def link(path: Path) -> str:
    """Return a `file://` link, which most terminals make clickable."""
    return path.resolve().as_uri()


def after_generation(summary: GenerationSummary, again: str, max_tokens: int, manifest: Path) -> Iterator[str]:
    """Yield a line for each status other than `ok`: its meaning, and how to generate such rows again if that can help.

    Then yield the commands that show these rows and that train on the explanations.

    Args:
        again: the command that generated the rows.
        max_tokens: token limit at which the truncated rows were cut off.
        manifest: the manifest; the suggested command uses training settings that belong to it, if there are any.
    """
    remedies = {
        Status.TRUNCATED: f"generate them again with: {again} --redo truncated --redo-max-tokens {2 * max_tokens}",
        Status.REFUSED: "the same prompt will usually be refused again; change generation.prompt or generation.model, "
        f"or retry with: {again} --redo refused",
        Status.ERROR: f"generate them again with: {again} --redo error",
    }
    counts = sum(map(Counter, summary.counts.values()), Counter[str]())
    others = [status for status in Status if status is not Status.OK and counts[status]]
    for status in others:
        remedy = f"; {remedies[status]}" if status in remedies else ""
        yield f"{counts[status]:,} {status.value}: {status.meaning}{remedy}"
    if others:
        yield f"look at these rows: {command_line('inspect', summary.output)} --where \"status <> 'ok'\" --sample 5"
    settings, run = settings_of(manifest, summary.dataset) or ("SETTINGS.yaml", "RUN")
    yield f"next: {train_command(settings, run, summary.output, partial=bool(summary.pending))}"


def settings_of(manifest: Path, dataset: str) -> tuple[Path, Path] | None:
    """Return the training settings shipped with a manifest or written by `init`, and a folder for the run, if any."""
    shipped, written = manifest.with_suffix("") / "train.yaml", manifest.with_name("train.yaml")
    if shipped.is_file():
        return shipped, Path("runs") / dataset / "run"
    return (written, manifest.with_name("run")) if written.is_file() else None


def train_command(settings: Path | str, out: Path | str, explanations: str, *, partial: bool) -> str:
    """Return the command that trains on the explanations. Set `partial` if some pairs have no row."""
    words = ["train", settings, "--out", out]
    if not _reads(Path(settings), explanations):
        words += ["--set", f"data.explanations={explanations}"]
    return command_line(*words, *(["--allow-partial"] if partial else []))


def _reads(settings: Path, explanations: str) -> bool:
    """Return whether a file of training settings already names these explanations."""
    try:
        named = str(load_settings(settings, []).data.explanations)
    except (ModelError, OSError):  # `train` will say what is wrong with the file
        return False
    return named == explanations or Path(named).resolve() == Path(explanations).resolve()


def left_out(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the number of unused rows by status, and the setting that would include the rows with an explanation.

    Args:
        data: the entry for training rows in a run's record; its "statuses" and "used" are numbers of rows by status.
    """
    unused = unused_rows(data["statuses"], data["used"])
    if not unused.total:
        return
    yield f"rows not used for training: {unused.total:,} of {sum(data['statuses'].values()):,} ({unused.named})"
    if set(unused.usable) - data["used"].keys():
        yield f"to use the rows with an explanation as well: --set 'data.statuses=[{', '.join(unused.usable)}]'"
