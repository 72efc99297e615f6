"""Commands that examine results: `inspect`, `report`, `serve`, `index`, `search`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.options import AllowPartial
from model.errors import ModelError

Precision = Literal["fp32", "fp16"]
ExportFormat = Literal["csv", "jsonl", "parquet"]


def inspect(
    path: Annotated[str, typer.Argument(help="explanations, a split or shard of them, a run; a folder, file or URL")],
    sample: Annotated[int | None, typer.Option(min=1, help="number of rows to show, randomly chosen (seeded)")] = None,
    where: Annotated[str | None, typer.Option(help="SQL condition on the rows, such as status = 'truncated'")] = None,
    row_id: Annotated[list[str] | None, typer.Option("--id", help="the row with this id (repeatable)")] = None,
    diff: Annotated[str | None, typer.Option(help="another generation of the same pairs, to compare with")] = None,
    export: Annotated[ExportFormat | None, typer.Option(help="write the rows to the file given by --out")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="the new file")] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="put the images into the Parquet file")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON and nothing else")] = False,
) -> None:
    """Describe explanations or a training run: origin, counts, lengths, rows. Changes nothing."""
    from flows.display.inspection import inspect as show
    from pipeline.inspect.inspection import Wanted

    wanted = Wanted(where, sample, tuple(row_id or ()), diff, export, out, pictures)
    if not show(path, wanted, as_json=as_json):
        raise typer.Exit(1)


def report(
    runs: Annotated[list[str], typer.Argument(help="training runs, explanations, or a folder that holds both")],
    out: Annotated[Path | None, typer.Option("--out", help="by default report.html in the first folder")] = None,
    title: Annotated[str | None, typer.Option(help="by default the first folder's name")] = None,
) -> None:
    """Write a self-contained HTML page about runs or explanations, and its plots as files.

    The last training run is compared with plain CLIP or, if that is missing, with the first run.
    """
    from flows.report import report_on

    report_on(runs, out, title)


def serve(
    run: Annotated[str, typer.Argument(help="run folder, training run, or explanations (folder, split, shard or URL)")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port")] = 8000,
    host: Annotated[str, typer.Option(help="address to listen on; there is no password")] = "127.0.0.1",
    arm: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER, another training run or index to search (repeatable)")
    ] = None,
) -> None:
    """Browse rows and try retrieval in a web browser. Changes nothing; stop it with Ctrl-C."""
    from flows.browser.serve import serve as serve_site

    serve_site(run, host=host, port=port, arms=arm or [])


def index(
    model: Annotated[Path, typer.Argument(help="a run folder, or an export")],
    out: Annotated[Path, typer.Argument(help="new folder; an earlier index is replaced")],
    split: Annotated[list[str] | None, typer.Option(help="repeatable; by default the settings' test split")] = None,
    explanations: Annotated[Path | None, typer.Option(help="shards; required for an export")] = None,
    precision: Annotated[Precision, typer.Option(help="of the saved embeddings; fp16 halves their size")] = "fp32",
    allow_partial: AllowPartial = False,
) -> None:
    """Embed the images of splits into a folder that `search` reads."""
    from flows.display.printing import show_lines
    from model.search.index import build_index

    images = build_index(
        model, out, splits=split or (), explanations=explanations, precision=precision, allow_partial=allow_partial
    )
    show_lines(f"{len(images):,} images in {out}")


def search(
    index: Annotated[Path, typer.Argument(help="folder written by `index`")],
    queries: Annotated[list[str] | None, typer.Argument(help="text queries, each in quotation marks")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="an image file as a query (repeatable)")] = None,
    top: Annotated[int, typer.Option(min=1, help="images per query")] = 10,
    model: Annotated[Path | None, typer.Option(help="the index's model, if it was moved")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """Find images with a trained model."""
    from flows.display.retrieval import show_found
    from model.search.index import load_model_of, open_index
    from model.search.search import embed_queries, search as find

    if not queries and not image:
        raise ModelError("no query; give a text, or --image FILE")
    opened = open_index(index)
    texts, images = queries or [], image or []
    vectors, remarks = embed_queries(load_model_of(opened, model), texts, images)
    for remark in remarks:
        print(remark, file=sys.stderr)
    show_found([*texts, *map(str, images)], find(opened, vectors, top), as_json=as_json)
