"""The commands `check` and `preview`. They are not Prefect flows and write nothing."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import (
    AsJson,
    EngineOption,
    Limit,
    ManifestPath,
    Output,
    RedoMaxTokens,
    RedoOption,
    given_options,
)
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.checking.report import CheckReport


def check(
    manifest: ManifestPath,
    limit: Limit = None,
    engine: EngineOption = None,
    out: Output = None,
    redo: RedoOption = None,
    redo_max_tokens: RedoMaxTokens = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Number of images to decode, chosen at random with a fixed seed.")
    ] = 1000,
    full: Annotated[bool, typer.Option("--full", help="Decode and hash every image.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of decoding threads. Default: one per core.")
    ] = None,
    languages: Annotated[bool, typer.Option("--languages", help="Count captions by language.")] = False,
    probe: Annotated[
        int, typer.Option(min=0, help="Number of prompts to send to the engine for the time estimate. 0 sends none.")
    ] = 64,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if there are warnings.")] = False,
    training: Annotated[
        Path | None,
        typer.Option(help="Training settings to estimate as well. Default: those that belong to the manifest, if any."),
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures", hidden=True, help="Accepted, but has no effect.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the report, as JSON.")] = False,
) -> None:
    """Check a manifest and its data before a long run. Writes nothing. The exit code is 2 if there are errors."""
    from rich.console import Console

    from flows.display.check import show_check
    from flows.display.next_steps import show_next
    from pipeline.checking.check import CheckOptions, check_manifest, unreadable_manifest
    from pipeline.checking.report import exit_code
    from pipeline.generation.redo import parse_redo

    again = parse_redo(redo, redo_max_tokens)
    options = CheckOptions(sample, full, workers, languages, limit, again, probe)
    with contextlib.redirect_stdout(sys.stderr):  # keeps the output of libraries out of the report
        try:
            report = check_manifest(manifest, options, engine=engine, output=out)
        except PipelineError as error:
            if not as_json:
                raise
            report = unreadable_manifest(manifest, error)
        if probe and report.status != "error":
            report = _with_training(report, manifest, training)
    if as_json:
        print(report.model_dump_json(indent=1, ensure_ascii=True))
    else:
        show_check(report, Console())
        if report.status != "error":
            given = given_options(limit=limit, engine=engine, out=out, redo=redo, redo_max_tokens=redo_max_tokens)
            show_next("generate", manifest, *given)
    raise typer.Exit(exit_code(report, strict=strict))


def _with_training(report: "CheckReport", manifest: Path, settings: Path | None) -> "CheckReport":
    """Add an estimate of training, or a warning if it cannot be made."""
    from flows.display.next_steps import settings_of
    from flows.display.waiting import announce
    from model.errors import ModelError
    from model.settings.load import load_settings
    from model.training.estimate import estimate_training
    from pipeline.checking.report import IN_WHAT, Finding, status_of

    found = settings or next(iter(settings_of(manifest, report.dataset or "") or ()), None)
    if found is None:
        return report
    announce("measuring steps of training")
    try:
        loaded = load_settings(found)
        names = loaded.data.splits
        train, val = (report.splits[name].pairs if name in report.splits else 0 for name in (names.train, names.val))
        if not train:
            return report
        longest = report.caption_tokens.p99 if report.caption_tokens else 0
        estimate = estimate_training(loaded, train, val, longest)
    except ModelError as error:
        finding = Finding(code="cannot_try_training", severity="warning", count=1, what=str(error), mend=IN_WHAT)
        findings = [*report.findings, finding]
        return report.model_copy(update={"findings": findings, "status": status_of(findings)})
    return report.model_copy(update={"training": {"settings": str(found), **estimate._asdict()}})


def preview(
    manifest: ManifestPath,
    rows: Annotated[int, typer.Option(min=1, help="Number of rows, chosen at random with a fixed seed.")] = 5,
    engine: EngineOption = None,
    split: Annotated[str | None, typer.Option(help="Split to choose rows from. Default: all splits in turn.")] = None,
    prompt: Annotated[bool, typer.Option("--prompt", help="Show the prompts as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a few rows with the LLM's real answers before a long run. Writes nothing."""
    from rich.console import Console

    from flows.display.next_steps import command_line, show_next
    from flows.display.preview import as_json as json_of, show_preview
    from flows.display.printing import show_lines
    from pipeline.checking.preview import preview as preview_rows
    from pipeline.job import open_job

    with contextlib.redirect_stdout(sys.stderr):  # keeps the output of libraries out of the preview
        job = open_job(manifest, engine=engine)
        found = preview_rows(job, rows, split)
    root = job.manifest.image_root
    if as_json:
        print(json_of(found, root, prompts=prompt))
        return
    show_preview(found, root, Console(), prompts=prompt)
    given = given_options(engine=engine)
    show_next("check", manifest, *given)
    show_lines(f"then: {command_line('generate', manifest, *given)}")
