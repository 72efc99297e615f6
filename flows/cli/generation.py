"""Commands that write explanation shards: `generate`, `reclean`, `import-explanations`, `pack`."""

from pathlib import Path
from typing import Annotated

import typer

from entityclip.contract.locations import is_url
from flows.cli.options import EngineOption, Limit, ManifestPath, Output, RedoMaxTokens, RedoOption, given_options
from flows.cli.stages import open_stages


def generate(
    manifest: ManifestPath,
    limit: Limit = None,
    engine: EngineOption = None,
    out: Output = None,
    redo: RedoOption = None,
    redo_max_tokens: RedoMaxTokens = None,
) -> None:
    """Generate explanations as Parquet shards. Existing explanations are kept."""
    from pipeline.generation.redo import parse_redo
    from pipeline.job import open_job

    job = open_job(manifest, engine=engine, output=out)  # so that errors are reported before anything slow
    parse_redo(redo, redo_max_tokens)
    stages = open_stages()
    from flows.display.next_steps import after_generation, command_line
    from flows.display.printing import show_lines
    from flows.display.summaries import show_generation

    location = out if out is None or is_url(out) else str(Path(out).absolute())
    summary = stages.generate(manifest.absolute(), limit, engine, location, redo, redo_max_tokens)
    show_generation(summary)
    again = command_line("generate", manifest, *given_options(limit=limit, engine=engine, out=out))
    budget = redo_max_tokens or job.manifest.generation.sampling.max_tokens
    show_lines(*after_generation(summary, again, budget, manifest))


def reclean(manifest: ManifestPath, out: Output = None) -> None:
    """Clean and judge the raw texts in the shards again, without the LLM."""
    from flows.display.next_steps import show_next
    from flows.display.printing import console
    from pipeline.generation.reclean import reclean as reclean_shards
    from pipeline.job import open_job
    from pipeline.shards.writer_lock import sole_writer

    job = open_job(manifest, output=out)
    with sole_writer(job.output, job.work):
        changed = reclean_shards(job)
    by_status = ", ".join(f"{count:,} now {status}" for status, count in changed.items())
    console.print(f"rows changed: {changed.total():,}" + (f" ({by_status})" if by_status else ""))
    show_next("inspect", job.output)


def import_explanations(
    manifest: ManifestPath,
    files: Annotated[list[Path], typer.Argument(help="All released JSON files; each maps image paths to texts.")],
    model: Annotated[str, typer.Option(help="Name of the LLM that wrote the texts.")] = "unknown",
    out: Annotated[
        str | None,
        typer.Option("--out", help="Output folder or URL. Default: the manifest's output with -imported appended."),
    ] = None,
) -> None:
    """Write released explanations as Parquet shards, without an LLM."""
    from flows.display.next_steps import train_command
    from flows.display.printing import show_lines
    from pipeline.import_released.importer import import_explanations as import_texts

    summary = import_texts(manifest, files, model=model, output=out)
    show_lines(*summary.lines())
    if summary.missing:
        show_lines("Pairs without a text were left out. To train on the rest, use --allow-partial.")
    train = train_command("SETTINGS.yaml", "RUN", str(summary.output), partial=bool(summary.missing))
    show_lines(f"next: {train}")


def pack(
    explanations: Annotated[str, typer.Argument(help="Folder or URL of the explanation shards to copy.")],
    out: Annotated[str, typer.Argument(help="Folder or URL for the packed shards. Existing shards are kept.")],
    size: Annotated[int, typer.Option(min=16, help="Shorter side of the stored images, in pixels.")] = 256,
    quality: Annotated[int, typer.Option(min=1, max=95, help="JPEG quality of the stored images.")] = 90,
    image_root: Annotated[Path | None, typer.Option(help="Image folder. Default: the one named in the shards.")] = None,
    max_bad_images: Annotated[
        float,
        typer.Option(min=0, max=1, help="Maximum share of rows (0 to 1) to drop because of unusable images."),
    ] = 0.01,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of threads. Default: one per core.")] = None,
) -> None:
    """Copy shards with the images resized and embedded, for fast or remote reading."""
    from flows.display.next_steps import train_command
    from flows.display.printing import show_lines
    from pipeline.packing.pack import PackSettings, pack as pack_shards

    settings = PackSettings(size, quality, max_bad_images, image_root, workers)
    show_lines(*pack_shards(explanations, out, settings).lines())
    show_lines(f"next: {train_command('SETTINGS.yaml', 'RUN', out, partial=False)}")
