"""Commands that write explanation shards: `generate`, `reclean`, `import-explanations`, `pack`."""

from pathlib import Path
from typing import Annotated

import typer

from entityclip.contract.locations import is_url
from flows.cli.options import EngineOption, Limit, ManifestPath, Output, RedoMaxTokens, RedoOption
from flows.cli.stages import open_stages


def generate(
    manifest: ManifestPath,
    limit: Limit = None,
    engine: EngineOption = None,
    out: Output = None,
    redo: RedoOption = None,
    redo_max_tokens: RedoMaxTokens = None,
) -> None:
    """Generate explanations as Parquet shards; existing ones are kept."""
    from pipeline.generation.redo import parse_redo
    from pipeline.job import open_job

    job = open_job(manifest, engine=engine, output=out)  # so that errors are reported before anything slow
    parse_redo(redo, redo_max_tokens)
    stages = open_stages()
    from flows.display.printing import show_lines
    from flows.display.summaries import next_steps, show_generation

    location = out if out is None or is_url(out) else str(Path(out).absolute())
    summary = stages.generate(manifest.absolute(), limit, engine, location, redo, redo_max_tokens)
    show_generation(summary)
    options = {"--limit": limit, "--engine": engine, "--out": out}
    given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    budget = redo_max_tokens or job.manifest.generation.sampling.max_tokens
    show_lines(*next_steps(summary, ["entityclip", "generate", str(manifest), *given], budget))


def reclean(manifest: ManifestPath, out: Output = None) -> None:
    """Clean and judge the raw texts in the shards again, without the LLM."""
    from flows.display.printing import console
    from pipeline.generation.reclean import reclean as reclean_shards
    from pipeline.job import open_job
    from pipeline.shards.writer_lock import single_writer

    job = open_job(manifest, output=out)
    with single_writer(job.work):
        changed = reclean_shards(job)
    console.print(f"rows changed: {changed.total():,}", *(f"{count:,} are now {s}" for s, count in changed.items()))


def import_explanations(
    manifest: ManifestPath,
    files: Annotated[list[Path], typer.Argument(help="all released files: JSON mappings from image path to text")],
    model: Annotated[str, typer.Option(help="the LLM that wrote the texts, if known")] = "unknown",
    out: Annotated[str | None, typer.Option("--out", help="default: the manifest's output plus -imported")] = None,
) -> None:
    """Write released explanations as Parquet shards, without an LLM."""
    from flows.display.printing import show_lines
    from pipeline.import_released.importer import import_explanations as import_texts

    summary = import_texts(manifest, files, model=model, output=out)
    show_lines(*summary.lines())
    if summary.missing:
        show_lines("pairs without a text are left out; train on the rest with --allow-partial")


def pack(
    explanations: Annotated[str, typer.Argument(help="folder or URL of explanation shards")],
    out: Annotated[str, typer.Argument(help="folder or URL of the packed shards; existing ones are kept")],
    size: Annotated[int, typer.Option(min=16, help="shorter side of the stored images, in pixels")] = 256,
    quality: Annotated[int, typer.Option(min=1, max=95, help="JPEG quality")] = 90,
    image_root: Annotated[Path | None, typer.Option(help="overrides the one recorded in the shards")] = None,
    max_bad_images: Annotated[
        float, typer.Option(min=0, max=1, help="share of rows that may be dropped because of their image")
    ] = 0.01,
    workers: Annotated[int | None, typer.Option(min=1, help="threads; by default one per core")] = None,
) -> None:
    """Copy the shards with resized images embedded, for fast or remote reading."""
    from flows.display.printing import show_lines
    from pipeline.packing.pack import PackSettings, pack as pack_shards

    settings = PackSettings(size, quality, max_bad_images, image_root, workers)
    show_lines(*pack_shards(explanations, out, settings).lines())
