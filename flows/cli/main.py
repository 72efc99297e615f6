"""The `entityclip` command: the human face of the flows.

Exit codes: 0 done, or stopped by SIGTERM with its work saved; 1 failed; 2 something in the user's hands is wrong (the
message says what and how to mend it); 130 interrupted.
Prefect and torch take seconds to import, so each command imports its own flow.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from entityclip.contract.locations import is_url
from flows.cli.look import AllowPartial, index, inspect, report, search, serve
from flows.orchestration.interrupt import exit_zero_when_stopped, stop_soon_on_interrupt
from flows.orchestration.temporary_server import said_if_slow, start_temporary_server
from flows.project_paths import absolute_overrides
from model.errors import ModelError, ProcessError
from pipeline.errors import PipelineError
from pipeline.manifest.engine_kind import EngineKind

_HELP = "Explanations of captions at scale, and the CLIP they train. The README has the two commands to begin with."

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=_HELP)

ManifestPath = Annotated[Path, typer.Argument(help="YAML file that names dataset, model, prompt and sampling")]
Limit = Annotated[int | None, typer.Option(min=1, help="only the first so many pairs")]
Output = Annotated[str | None, typer.Option("--out", help="another output folder or URL than the manifest's")]
RedoOption = Annotated[str | None, typer.Option(help="generate rows with these statuses again: truncated,error,empty")]
RedoMaxTokens = Annotated[int | None, typer.Option(min=1, help="budget of the redone rows, in tokens")]
EngineOption = Annotated[EngineKind | None, typer.Option(help="another engine than the manifest's")]


@app.command()
def check(
    manifest: ManifestPath,
    limit: Limit = None,
    engine: EngineOption = None,
    out: Output = None,
    redo: RedoOption = None,
    redo_max_tokens: RedoMaxTokens = None,
    sample: Annotated[int, typer.Option(min=0, help="how many images to decode, seeded")] = 1000,
    full: Annotated[bool, typer.Option("--full", help="decode and hash every image")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="threads that decode; by default one a core")] = None,
    languages: Annotated[bool, typer.Option("--languages", help="count captions by language")] = False,
    probe: Annotated[
        int, typer.Option(min=0, help="how many prompts the engine answers for the estimate; 0: none")
    ] = 64,
    strict: Annotated[bool, typer.Option("--strict", help="exit code 1 where there are warnings")] = False,
    pictures: Annotated[bool, typer.Option("--pictures", help="put the images into the Parquet file")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the same as JSON, and nothing else on stdout")] = False,
) -> None:
    """Look at a manifest and its data before any long work; nothing is written. Exit code 2 where there are errors."""
    from flows.cli.check import run_check
    from pipeline.checking.check import CheckOptions
    from pipeline.generation.redo import parse_redo

    again = parse_redo(redo, redo_max_tokens)
    options = CheckOptions(sample, full, workers, languages, limit, again, probe)
    raise typer.Exit(run_check(manifest, options, engine=engine, output=out, strict=strict, as_json=as_json))


@app.command()
def generate(
    manifest: ManifestPath,
    limit: Limit = None,
    engine: EngineOption = None,
    out: Output = None,
    redo: RedoOption = None,
    redo_max_tokens: RedoMaxTokens = None,
) -> None:
    """Generate explanations into Parquet shards; what is there already is kept."""
    from pipeline.generation.redo import parse_redo
    from pipeline.job import open_job

    job = open_job(manifest, engine=engine, output=out)  # mistakes show before Prefect starts
    parse_redo(redo, redo_max_tokens)
    start_temporary_server()
    from flows.display.console import console, next_steps, show_generation
    from flows.generate import generate_explanations

    location = out if out is None or is_url(out) else str(Path(out).absolute())
    summary = generate_explanations(manifest.absolute(), limit, engine, location, redo, redo_max_tokens)
    show_generation(summary)
    options = {"--limit": limit, "--engine": engine, "--out": out}
    given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    budget = redo_max_tokens or job.manifest.generation.sampling.max_tokens
    for line in next_steps(summary, ["entityclip", "generate", str(manifest), *given], budget):
        console.print(line, markup=False, soft_wrap=True)


@app.command()
def reclean(manifest: ManifestPath, out: Output = None) -> None:
    """Clean and judge the raw texts in the shards again, without an engine."""
    from flows.display.console import console
    from pipeline.generation.reclean import reclean as reclean_shards
    from pipeline.job import open_job
    from pipeline.shards.writer_lock import single_writer

    job = open_job(manifest, output=out)
    with single_writer(job.work):
        changed = reclean_shards(job)
    console.print(f"rows changed: {changed.total():,}", *(f"{count:,} are now {s}" for s, count in changed.items()))


@app.command()
def import_explanations(
    manifest: ManifestPath,
    files: Annotated[list[Path], typer.Argument(help="all the released files: JSON, from an image's path to a text")],
    model: Annotated[str, typer.Option(help="the LLM that wrote the texts, as far as known")] = "unknown",
    out: Annotated[str | None, typer.Option("--out", help="default: the manifest's output, -imported added")] = None,
) -> None:
    """Write released explanations into Parquet shards, without an LLM."""
    from flows.display.console import console
    from pipeline.import_released.importer import import_explanations as import_texts

    summary = import_texts(manifest, files, model=model, output=out)
    for line in summary.lines():
        console.print(line, markup=False, soft_wrap=True)
    if summary.missing:
        console.print("pairs without a text are left out; training takes the rest with --allow-partial")


@app.command()
def pack(
    explanations: Annotated[str, typer.Argument(help="folder or URL of explanation shards")],
    out: Annotated[str, typer.Argument(help="folder or URL of the packed ones; what is there already is kept")],
    size: Annotated[int, typer.Option(min=16, help="pixels of the shorter side of an image")] = 256,
    quality: Annotated[int, typer.Option(min=1, max=95, help="JPEG quality")] = 90,
    image_root: Annotated[Path | None, typer.Option(help="overrides the one recorded in the shards")] = None,
    max_bad_images: Annotated[
        float, typer.Option(min=0, max=1, help="share of the rows that may be left out for their image")
    ] = 0.01,
    workers: Annotated[int | None, typer.Option(min=1, help="threads; by default one for each core")] = None,
) -> None:
    """Write the shards again with their images inside, resized: for fast and for remote reading."""
    from flows.display.console import console
    from pipeline.packing.pack import PackSettings, pack as pack_shards

    settings = PackSettings(size, quality, max_bad_images, image_root, workers)
    for line in pack_shards(explanations, out, settings).lines():
        console.print(line, markup=False, soft_wrap=True)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML file of training settings")],
    out: Annotated[Path, typer.Option("--out", help="folder for checkpoint, log and record")],
    override: Annotated[
        list[str] | None, typer.Option("--set", help="change a setting: --set optim.lr=1e-3 (repeatable)")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="recipe for what the file leaves out, instead of the one that it names")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="begin anew, whatever run is in that folder")] = False,
    allow_partial: AllowPartial = False,
    nproc: Annotated[int, typer.Option(min=1, help="processes that share every batch, each with its own GPU")] = 1,
) -> None:
    """Train on cached explanations; an unfinished run in the folder goes on from its last saved state.

    What it trains is the settings' `method`: the paper's modules, anchors, or none of them (plain CLIP).
    """
    from model.settings.load import load_settings

    changed = [*([] if preset is None else [f"preset={preset}"]), *(override or [])]
    load_settings(config, changed)  # mistakes show before Prefect starts
    start_temporary_server()
    from flows.display.console import show_training
    from flows.train import train_entityclip

    overrides = absolute_overrides(changed, Path.cwd())
    with exit_zero_when_stopped():
        run = train_entityclip(config.absolute(), out.absolute(), overrides, overwrite, allow_partial, nproc)
        show_training(run)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="folder of a training run")],
    split: Annotated[
        list[str] | None, typer.Option(help="split to measure (repeatable); by default the settings' test split")
    ] = None,
    explanations: Annotated[Path | None, typer.Option(help="other shards than the run was trained on")] = None,
    allow_partial: AllowPartial = False,
    nproc: Annotated[int, typer.Option(min=1, help="processes that share the encoding, each with its own GPU")] = 1,
) -> None:
    """Measure retrieval of a trained run, with intervals, and write metrics.json beside it."""
    with said_if_slow("starting"):
        from model.checkpoints.checkpoint import read_checkpoint_card

        read_checkpoint_card(run)  # mistakes show before Prefect starts
    start_temporary_server()
    from flows.display.retrieval import show_arms
    from flows.evaluate import evaluate_entityclip

    other = explanations and explanations.absolute()
    for metrics in evaluate_entityclip(run.absolute(), split, other, allow_partial, nproc).values():
        show_arms({run.name: metrics})


@app.command()
def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(help="the authors' trained .pt")],
    out: Annotated[Path, typer.Argument(help="new run folder, for evaluate --explanations")],
    vision_heads: Annotated[int | None, typer.Option(min=1, help="of the image tower; by default width / 64")] = None,
    text_heads: Annotated[int | None, typer.Option(min=1, help="of the text tower; by default width / 64")] = None,
    eot_id: Annotated[int | None, typer.Option(min=0, help="token that ends a text; by default its highest")] = None,
) -> None:
    """Turn a checkpoint of the authors' code into a run folder."""
    from flows.display.console import show_import
    from model.checkpoints.ete import import_checkpoint

    show_import(import_checkpoint(checkpoint, out, vision_heads=vision_heads, text_heads=text_heads, eot_id=eot_id))


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="a run folder, or its checkpoint folder")],
    out: Annotated[Path, typer.Argument(help="new folder; an earlier export is replaced")],
) -> None:
    """Write the trained towers as a folder that open_clip loads by itself."""
    from flows.display.console import console
    from model.exporting.export import export

    console.print(f"open_clip.create_model_and_transforms('local-dir:{export(checkpoint, out)}')", soft_wrap=True)


for look in (inspect, report, serve, index, search):
    app.command()(look)


@app.command()
def clear_stale_runs(
    silent: Annotated[
        float, typer.Option(min=30, help="seconds without a sign of life after which a process elsewhere is dead")
    ] = 120.0,
    dry_run: Annotated[bool, typer.Option(help="only say which")] = False,
) -> None:
    """Free the slots of flow runs that Prefect believes running although their process is gone."""
    start_temporary_server()
    from flows.display.console import console
    from flows.orchestration.stale_runs import clear_stale_runs as clear

    found = clear(silent, dry_run=dry_run)
    for run in found:
        console.print(f"{run.name} ({run.flow_run_id}): {run.why}", markup=False, soft_wrap=True)
    console.print(f"stale runs {'found' if dry_run else 'cleared'}: {len(found)}")


@app.command()
def demo(
    engine: Annotated[EngineKind, typer.Option(help="who generates the explanations")] = "transformers",
    out: Annotated[Path | None, typer.Option("--out", help="run folder; by default runs/heraldry")] = None,
) -> None:
    """The whole job on the demo world: generate, train three ways, evaluate, report."""
    start_temporary_server()
    from flows.demo import run_demo

    with exit_zero_when_stopped():
        run_demo(engine=engine, out=out)


@app.command()
def reproduce(
    benchmark: Annotated[str, typer.Argument(help="n24news, visualnews or goodnews")],
    root: Annotated[Path, typer.Option(help="folder of its published files, and of released explanations if any")],
    out: Annotated[Path | None, typer.Option("--out", help="by default runs/reproduce-BENCHMARK")] = None,
    seed: Annotated[list[int] | None, typer.Option(min=0, help="repeatable; by default 42, 43 and 44")] = None,
    generate: Annotated[bool, typer.Option("--generate", help="generate, although released explanations lie there")] = (
        False
    ),
    manifest: Annotated[Path | None, typer.Option(help="generate with its model, prompt and engine")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="change a training setting of all arms (repeatable)")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="go on although the check found errors")] = False,
) -> None:
    """The paper's table on one of its benchmarks; called again, it goes on where it stopped."""
    from flows.paper_benchmarks import open_reproduction

    folder = (out or Path("runs") / f"reproduce-{benchmark}").absolute()
    open_reproduction(benchmark, root, folder)  # mistakes show before Prefect starts
    start_temporary_server()
    from flows.display.console import console
    from flows.display.retrieval import show_arms_table
    from flows.reproduce import reproduce as reproduce_entityclip

    overrides = absolute_overrides(override or [], Path.cwd())
    seeds = list(dict.fromkeys(seed or (42, 43, 44)))
    other = manifest and manifest.absolute()
    with exit_zero_when_stopped():
        table = reproduce_entityclip(benchmark, root.absolute(), folder, seeds, generate, other, overrides, force)
        show_arms_table(table, console)
        console.print(f"table: {folder / 'table.md'}", markup=False, soft_wrap=True)


def main() -> None:
    """Run the command; a user's mistake is a message, not a traceback."""
    # Our own lines say what happens; Prefect's log, tracebacks included, still goes to its server.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    stop_soon_on_interrupt()
    try:
        app()
    except (PipelineError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except (OSError, ProcessError) as error:  # no space, no permission: what is committed stays, a re-run goes on
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
