"""The check as a command: what it prints, and its exit code. No flow of Prefect: it leaves nothing behind."""

import contextlib
import sys
from pathlib import Path

from rich.console import Console

from flows.display.check import show_check
from pipeline.checking.check import CheckOptions, check_manifest, unreadable_manifest
from pipeline.checking.report import exit_code
from pipeline.errors import PipelineError
from pipeline.manifest.engine_kind import EngineKind


def run_check(
    manifest: Path,
    options: CheckOptions,
    *,
    engine: EngineKind | None = None,
    output: str | None = None,
    strict: bool = False,
    as_json: bool = False,
) -> int:
    """Check, print, and return the exit code: 0 fine, 1 warnings (with `strict`), 2 errors.

    Raises:
        PipelineError: the manifest itself cannot be read; as JSON that is a finding like any other.
    """
    with contextlib.redirect_stdout(sys.stderr):  # whatever a library says is no part of the report
        try:
            report = check_manifest(manifest, options, engine=engine, output=output)
        except PipelineError as error:
            if not as_json:
                raise
            report = unreadable_manifest(manifest, error)
    if as_json:
        print(report.model_dump_json(indent=1))
    else:
        show_check(report, Console())
    return exit_code(report, strict=strict)
