"""Commands that look into what was made: `inspect`, `report`, `serve`, `index`, `search`."""

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
    sample: Annotated[int | None, typer.Option(min=1, help="so many rows, at random but always the same")] = None,
    where: Annotated[str | None, typer.Option(help="only rows that meet this, such as status = 'truncated'")] = None,
    row_id: Annotated[list[str] | None, typer.Option("--id", help="the row with this id (repeatable)")] = None,
    diff: Annotated[str | None, typer.Option(help="another generation of the same pairs, to compare with")] = None,
    export: Annotated[ExportFormat | None, typer.Option(help="write the rows to a file, named with --out")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="the new file")] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="put the images into the Parquet file")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON and nothing else on stdout")] = False,
) -> None:
    """Look into explanations or a training run: what it is, counts, lengths, rows. Nothing there is changed."""
    from flows.display.inspection import inspect as look
    from pipeline.inspect.inspection import Wanted

    wanted = Wanted(where, sample, tuple(row_id or ()), diff, export, out, pictures)
    if not look(path, wanted, as_json=as_json):
        raise typer.Exit(1)


def report(
    runs: Annotated[list[str], typer.Argument(help="training runs, explanations, or a folder that holds both")],
    out: Annotated[Path | None, typer.Option("--out", help="by default report.html in the first folder")] = None,
    title: Annotated[str | None, typer.Option(help="by default the first folder's name")] = None,
) -> None:
    """Write a page that shows a run, or explanations, in any browser and without a network; plots as files beside it.

    Plain CLIP is the baseline, and the last training run is compared with it; without plain CLIP, with the first.
    """
    from flows.report import report_on

    report_on(runs, out, title)


def serve(
    run: Annotated[str, typer.Argument(help="run folder, training run, or explanations (folder, split, shard or URL)")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free")] = 8000,
    host: Annotated[str, typer.Option(help="address to listen on; there is no password")] = "127.0.0.1",
    arm: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER, one more training run or index to search (repeatable)")
    ] = None,
) -> None:
    """Page through rows and try retrieval in a web browser. Nothing is changed; Ctrl-C ends it."""
    from flows.browser.serve import serve as serve_site

    serve_site(run, host=host, port=port, arms=arm or [])


def index(
    model: Annotated[Path, typer.Argument(help="a run folder, or an export")],
    out: Annotated[Path, typer.Argument(help="new folder; an earlier index is replaced")],
    split: Annotated[list[str] | None, typer.Option(help="repeatable; by default the settings' test split")] = None,
    explanations: Annotated[Path | None, typer.Option(help="shards; an export has no settings that name some")] = None,
    precision: Annotated[Precision, typer.Option(help="of the saved embeddings; fp16 takes half the room")] = "fp32",
    allow_partial: AllowPartial = False,
) -> None:
    """Embed the images of splits into a folder that `search` reads."""
    from flows.display.console import console
    from model.search.index import build_index

    made = build_index(
        model, out, splits=split or (), explanations=explanations, precision=precision, allow_partial=allow_partial
    )
    console.print(f"{len(made):,} images in {out}", markup=False, soft_wrap=True)


def search(
    index: Annotated[Path, typer.Argument(help="folder that `index` made")],
    queries: Annotated[list[str] | None, typer.Argument(help="what to look for, each query in quotation marks")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="an image file as a query (repeatable)")] = None,
    top: Annotated[int, typer.Option(min=1, help="images a query")] = 10,
    model: Annotated[Path | None, typer.Option(help="where the index's model is now, if it was moved")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """Find images with a trained model."""
    from flows.display.retrieval import show_found
    from model.search.index import load_model_of, open_index
    from model.search.search import embed_queries, search as find

    if not queries and not image:
        raise ModelError("nothing to look for; give a query, or --image FILE")
    opened = open_index(index)
    texts, images = queries or [], image or []
    vectors, remarks = embed_queries(load_model_of(opened, model), texts, images)
    for remark in remarks:
        print(remark, file=sys.stderr)
    show_found([*texts, *map(str, images)], find(opened, vectors, top), as_json=as_json)
