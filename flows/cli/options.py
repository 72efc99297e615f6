"""Arguments and options shared by several commands."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.manifest.engine_kind import EngineKind

ManifestPath = Annotated[
    Path, typer.Argument(help="Manifest: YAML file that names the dataset, model, prompt and sampling.")
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Number of pairs to use, from the start of the dataset. Default: all.")
]
Output = Annotated[str | None, typer.Option("--out", help="Output folder or URL. Default: the manifest's output.")]
RedoOption = Annotated[
    str | None, typer.Option(help="Statuses of rows to generate again, separated by commas, such as truncated,error.")
]
RedoMaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Maximum tokens per regenerated explanation. Default: the manifest's.")
]
EngineOption = Annotated[
    EngineKind | None, typer.Option(help="Engine that generates the explanations. Default: the manifest's.")
]
AllowPartial = Annotated[bool, typer.Option("--allow-partial", help="Accept incomplete explanations.")]
