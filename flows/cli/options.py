"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.manifest.engine_kind import EngineKind

ManifestPath = Annotated[Path, typer.Argument(help="YAML file that names dataset, model, prompt and sampling")]
Limit = Annotated[int | None, typer.Option(min=1, help="only the first so many pairs")]
Output = Annotated[str | None, typer.Option("--out", help="another output folder or URL than the manifest's")]
RedoOption = Annotated[str | None, typer.Option(help="generate rows with these statuses again: truncated,error,empty")]
RedoMaxTokens = Annotated[int | None, typer.Option(min=1, help="budget of the redone rows, in tokens")]
EngineOption = Annotated[EngineKind | None, typer.Option(help="another engine than the manifest's")]
AllowPartial = Annotated[bool, typer.Option("--allow-partial", help="use explanations that are not complete")]
