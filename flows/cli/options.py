"""Arguments and options shared by several commands."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.manifest.engine_kind import EngineKind

ManifestPath = Annotated[Path, typer.Argument(help="YAML file that names dataset, model, prompt and sampling")]
Limit = Annotated[int | None, typer.Option(min=1, help="use only the first LIMIT pairs")]
Output = Annotated[str | None, typer.Option("--out", help="output folder or URL, instead of the manifest's")]
RedoOption = Annotated[str | None, typer.Option(help="generate rows with these statuses again: truncated,error,empty")]
RedoMaxTokens = Annotated[int | None, typer.Option(min=1, help="token budget of the regenerated rows")]
EngineOption = Annotated[EngineKind | None, typer.Option(help="engine, instead of the manifest's")]
AllowPartial = Annotated[bool, typer.Option("--allow-partial", help="accept incomplete explanations")]
