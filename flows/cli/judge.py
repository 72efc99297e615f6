"""The command `judge`. It needs neither shards nor an LLM, and writes nothing."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def judge(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON lines of caption, raw (the text as generated), finish_reason, language; and of status and "
            "explanation, to compare."
        ),
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest whose generation.judge is used. Default: its defaults.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Threshold to change, such as clip_context_length=1000 (repeatable)."),
    ] = None,
) -> None:
    """Judge texts and print status and explanation as JSON lines; of lines with a status, only those that differ.

    The exit code is 1 if any differs.
    """
    import yaml

    from flows.project_paths import shipped_manifest
    from pipeline.errors import PipelineError
    from pipeline.judge.labelled import judge_lines, with_changes
    from pipeline.manifest.generation import Judging
    from pipeline.manifest.manifest import load_manifest

    settings, folder = Judging(), Path.cwd()
    if manifest is not None:
        loaded = load_manifest(shipped_manifest(manifest))
        settings, folder = loaded.generation.judge, loaded.folder
    for change in changes or []:
        key, equals, value = change.partition("=")
        if not equals:
            raise PipelineError(f"--set {change}: must be KEY=VALUE, such as clip_context_length=1000")
        settings = with_changes(settings, {key.removeprefix("generation.judge."): yaml.safe_load(value)}, "--set")
    is_utf8 = sys.stdout.encoding.casefold().replace("-", "") == "utf8"
    total = compared = differing = 0
    for judged in judge_lines(file, settings, folder):
        total += 1
        compared += bool(judged.expected)
        differing += judged.differs
        if judged.differs or not judged.expected:
            plain = json.dumps(judged.as_plain(), ensure_ascii=False)
            print(plain if plain.isprintable() and is_utf8 else json.dumps(judged.as_plain()))
    compare = f"; {compared:,} compared, {differing:,} differ" if compared else ""
    print(f"{total:,} texts judged{compare}", file=sys.stderr)
    raise typer.Exit(1 if differing else 0)
