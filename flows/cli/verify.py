"""The command `verify`. It is not a Prefect flow; without --repair, it writes nothing."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from entityclip.contract.locations import is_url
from flows.cli.options import AsJson
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible


def verify(
    path: Annotated[
        str, typer.Argument(help="Folder or URL of explanations (generated, imported or packed), or a manifest.")
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(help="Manifest, to compare rows with a new plan. Default: the plan that the last run left."),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Put swapped shards back and move damaged files to _damaged. With a manifest, also generate again "
            "what was damaged or missing.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify explanations: digests, every row, ids against the plan, statuses. The exit code is 1 if not whole."""
    from flows.display.printing import show_lines
    from flows.display.verification import after_verification, show_verification
    from flows.project_paths import shipped_manifest
    from pipeline.job import open_job
    from pipeline.verifying.repair import repair as repair_output
    from pipeline.verifying.verify import verify as verify_output

    location, of = _what(path, None if manifest is None else shipped_manifest(manifest))
    job = None if of is None else open_job(of, output=location)
    location = str(job.output) if job is not None else str(location)
    found = verify_output(location, job)
    lines = repair_output(found, job) if repair and found.is_damaged else []
    again = bool(lines or found.missing) and repair and of is not None and found.kind == "generated"
    if again and of is not None:
        for line in lines:
            print(visible(line), file=sys.stderr)
        _generate(of, location, found.recorded_rows if found.pending else None)
        found, lines = verify_output(location, job), []
    if as_json:
        print(json.dumps(found.as_plain() | {"repaired": lines}, ensure_ascii=True, indent=1))
    else:
        show_verification(found, lines)
        show_lines(*after_verification(found, of, is_repaired=bool(lines)))
    raise typer.Exit(0 if found.state in ("whole", "partial") else 1)


def _what(path: str, manifest: Path | None) -> tuple[str | None, Path | None]:
    """Return the location of the explanations (None: as in the manifest), and the manifest, if one was given."""
    from flows.display.inspection import EXPLANATIONS
    from flows.project_paths import shipped_manifest

    if is_url(path):
        return path, manifest
    local = Path(path)
    if not local.is_dir() and manifest is None:
        local = shipped_manifest(local)
        if local.suffix in (".yaml", ".yml"):
            return None, local
    if not local.exists():
        raise PipelineError(f"{path}: no such folder or manifest")
    if not local.is_dir():
        raise PipelineError(f"{path} is a file; give the folder of explanations, or a manifest (.yaml)")
    if not any(local.glob("split=*")) and (local / EXPLANATIONS).is_dir():
        local = local / EXPLANATIONS
    return str(local), manifest


def _generate(manifest: Path, location: str, limit: int | None) -> None:
    from flows.cli.stages import open_stages
    from flows.display.summaries import show_generation

    location = location if is_url(location) else str(Path(location).absolute())
    with_output = open_stages().generate(manifest.absolute(), limit, None, location, None, None)
    show_generation(with_output)
