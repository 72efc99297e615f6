"""Arguments and options shared by several commands."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.manifest.engine_kind import EngineKind


def _shipped(manifest: Path) -> Path:
    from flows.project_paths import shipped_manifest

    return shipped_manifest(manifest)


ManifestPath = Annotated[
    Path,
    typer.Argument(
        help="YAML file that names dataset, model, prompt and sampling, or the name of a shipped file: heraldry.",
        callback=_shipped,
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only the first LIMIT pairs. Default: all pairs.")]
Output = Annotated[str | None, typer.Option("--out", help="Output folder or URL. Default: the manifest's output.")]
RedoOption = Annotated[
    str | None, typer.Option(help="Statuses of rows to generate again, separated by commas, such as truncated,error.")
]
RedoMaxTokens = Annotated[int | None, typer.Option(min=1, help="Token limit for --redo. Default: as in the manifest.")]
EngineOption = Annotated[EngineKind | None, typer.Option(help="Engine to use. Default: the manifest's engine.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Training setting to change, such as optim.lr=1e-3 (repeatable).")
]
Shards = Annotated[Path | None, typer.Option(help="Folder of explanation shards. Default: the run's shards.")]
Splits = Annotated[list[str] | None, typer.Option(help="Split to use (repeatable). Default: the run's test split.")]
Nproc = Annotated[int, typer.Option(min=1, help="Number of processes on this machine, each with its own GPU.")]
Heads = Annotated[int | None, typer.Option(min=1, help="Number of attention heads. Default: width / 64.")]
AllowPartial = Annotated[bool, typer.Option("--allow-partial", help="Accept incomplete explanations.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]


def given_options(**options: object) -> list[str]:
    """Return the words that pass the options that are not None: `--max-tokens 96` for `max_tokens=96`."""
    given = {f"--{name.replace('_', '-')}": value for name, value in options.items() if value is not None}
    return [word for option, value in given.items() for word in (option, str(value))]
