"""Commands that examine results: `inspect`, `report`, `serve`, `index`, `search`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.options import AllowPartial, AsJson, Shards, Splits
from flows.display.waiting import announce
from model.errors import ModelError
from pipeline.files.visible_text import visible

Precision = Literal["fp32", "fp16"]
ExportFormat = Literal["csv", "jsonl", "parquet"]


def inspect(
    path: Annotated[
        str, typer.Argument(help="Folder, file or URL of explanations (all, a split or a shard) or of a training run.")
    ],
    sample: Annotated[
        int | None, typer.Option(min=1, help="Number of rows to show or export, chosen at random with a fixed seed.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="SQL condition on the rows, such as status = 'truncated'.")] = None,
    row_id: Annotated[list[str] | None, typer.Option("--id", help="Id of a row to show (repeatable).")] = None,
    diff: Annotated[str | None, typer.Option(help="Folder or URL of explanations to compare with.")] = None,
    export: Annotated[ExportFormat | None, typer.Option(help="Export the rows to --out in this format.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the rows exported by --export.")] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Embed the images in the Parquet file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Describe explanations or a training run: origin, counts, lengths, rows. Changes nothing."""
    from flows.display.inspection import inspect as show
    from pipeline.inspect.inspection import Wanted

    wanted = Wanted(where, sample, tuple(row_id or ()), diff, export, out, pictures)
    if not show(path, wanted, as_json=as_json):
        raise typer.Exit(1)


def report(
    runs: Annotated[list[str], typer.Argument(help="Folders of training runs, explanations, or both.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="HTML file to write. Default: report.html in the first folder.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page. Default: the first folder's name.")] = None,
) -> None:
    """Write a self-contained HTML page about runs or explanations, and write its plots as separate files.

    The last training run is compared with plain CLIP. Without a run of plain CLIP, it is compared with the first run.
    """
    from flows.report import report_on

    report_on(runs, out, title)


def serve(
    run: Annotated[
        str, typer.Argument(help="Explanations (folder, split, shard or URL), a training run, or a folder with both.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on. 0 chooses a free port.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on. The site has no password.")] = "127.0.0.1",
    arm: Annotated[list[str] | None, typer.Option(help="Additional run or index, as NAME=FOLDER (repeatable).")] = None,
    explain: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Offer to let a manifest's LLM explain queries.")
    ] = None,
) -> None:
    """Browse rows and try retrieval in a web browser. Changes nothing. Stop it with Ctrl-C."""
    from flows.browser.serve import serve as serve_site

    serve_site(run, host=host, port=port, arms=arm or [], explain=explain)


def index(
    model: Annotated[Path, typer.Argument(help="Folder of a training run, or of an export (needs --explanations).")],
    out: Annotated[Path, typer.Argument(help="Folder for the index. An existing index is replaced.")],
    split: Splits = None,
    explanations: Shards = None,
    precision: Annotated[Precision, typer.Option(help="Precision of the embeddings. fp16 halves their size.")] = "fp32",
    allow_partial: AllowPartial = False,
    explained: Annotated[
        bool, typer.Option("--explained", help="Embed images for each way to search with explanations: `search --by`.")
    ] = False,
) -> None:
    """Embed the images of one or more splits into an index for `search`."""
    from model.run_files import check_model

    check_model(model)  # so that errors are reported before anything slow
    announce("loading torch")
    from flows.display.next_steps import show_next
    from flows.display.printing import show_lines
    from model.search.index import build_index

    images = build_index(
        model,
        out,
        splits=split or (),
        explanations=explanations,
        precision=precision,
        allow_partial=allow_partial,
        explained=explained,
    )
    ways = ", ".join(("towers", *images.about["ways"]))
    show_lines(f"{len(images):,} images in {out}" + (f"; to search by {ways}" if explained else ""))
    show_next("search", out, "a text query")


def search(
    index: Annotated[Path, typer.Argument(help="Folder written by `index`.")],
    queries: Annotated[list[str] | None, typer.Argument(help="Text queries, each in quotation marks.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="Image file to use as a query (repeatable).")] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of images to show per query.")] = 10,
    model: Annotated[Path | None, typer.Option(help="Folder of the model, if the model was moved.")] = None,
    explanation: Annotated[
        list[str] | None, typer.Option(help="Explanation of a text query (repeatable: one per query, in order).")
    ] = None,
    explain: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Let a manifest's LLM explain the text queries.")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(min=0, help="Weight of explanations. Default: as `evaluate --explained` chose it.")
    ] = None,
    by: Annotated[
        Literal["towers", "both", "mmae"],
        typer.Option(help="How texts with explanations are searched; both and mmae need `index --explained`."),
    ] = "towers",
    as_json: AsJson = False,
) -> None:
    """Find images with a trained model: by texts, texts with explanations, or images."""
    from flows.query_explanations import add_explanations, check_explanations, check_way, explanations_of
    from model.run_files import check_index

    if not queries and not image:
        raise ModelError("no query given; pass a text or --image FILE")
    check_explanations(queries or [], explanation, explain, alpha)
    if by != "towers" and (image or not (explanation or explain)):
        raise ModelError(f"--by {by} is for texts with explanations: pass --explanation or --explain, and no --image")
    check_index(index)  # so that errors are reported before anything slow
    check_way(index, by)
    announce("loading torch")
    from flows.display.next_steps import show_next
    from flows.display.retrieval import show_found
    from model.search.index import load_model_of, open_index
    from model.search.search import embed_queries, search as find

    opened = open_index(index)
    texts, images = queries or [], image or []
    vectors, remarks = embed_queries(load_model_of(opened, model), texts, images)
    explained = explanations_of(texts, explanation, explain)
    if explained is not None:
        of_texts, said = add_explanations(opened, texts, vectors[: len(texts)], explained, alpha, by, model)
        if by == "towers":
            vectors[: len(texts)] = of_texts
        else:
            vectors = of_texts
        remarks += said
    for remark in remarks:
        print(visible(remark), file=sys.stderr)
    show_found([*texts, *map(str, images)], find(opened, vectors, top, by), explained, as_json=as_json)
    if not as_json:
        show_next("serve", opened.about["explanations"], "--arm", f"{index.resolve().name}={index}")
