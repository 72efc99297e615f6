"""Commands that run everything from captions to a table of results: `demo` and `reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import Overrides
from flows.cli.stages import exit_zero_when_stopped, open_stages, run_together
from pipeline.manifest.engine_kind import EngineKind


def demo(
    engine: Annotated[EngineKind, typer.Option(help="Engine that generates the explanations.")] = "transformers",
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder. Default: runs/heraldry, or runs/heraldry-vllm with vLLM.")
    ] = None,
) -> None:
    """Run everything on the demo world: generate explanations, train and evaluate three models, and write a report."""
    stages = open_stages()
    from flows.demo import run_demo
    from flows.project_paths import copy_shipped_manifests

    copy_shipped_manifests()
    with exit_zero_when_stopped():
        run_together(stages, "entityclip-demo", lambda: run_demo(stages, engine=engine, out=out))


def reproduce(
    benchmark: Annotated[str, typer.Argument(help="Benchmark: n24news, visualnews or goodnews.")],
    root: Annotated[
        Path, typer.Option(help="Folder with the benchmark's published files and any released explanations.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for all results. Default: runs/reproduce-BENCHMARK.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(min=0, help="Training seed (repeatable). Default: 42, 43 and 44.")
    ] = None,
    generate: Annotated[bool, typer.Option("--generate", help="Generate even if explanations were released.")] = False,
    manifest: Annotated[
        Path | None,
        typer.Option(help="Manifest with model, prompt and engine to use. Default: the shipped manifest."),
    ] = None,
    override: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Continue even if the check finds errors.")] = False,
    explained: Annotated[
        bool,
        typer.Option("--explained", help="Train our arms too, and measure all with explanations as well as without."),
    ] = False,
) -> None:
    """Reproduce the paper's table on one of its benchmarks. If interrupted, run the command again to resume."""
    from flows.paper_benchmarks import open_reproduction

    folder = (out or Path("runs") / f"reproduce-{benchmark}").absolute()
    open_reproduction(benchmark, root, folder)  # so that errors are reported before anything slow
    stages = open_stages()
    from flows.display.next_steps import link, show_next
    from flows.display.printing import console, show_lines
    from flows.display.retrieval import show_arms_table
    from flows.project_paths import absolute_overrides
    from flows.reproduce import reproduce as reproduce_entityclip

    overrides = absolute_overrides(override or [], Path.cwd())
    seeds = list(dict.fromkeys(seed or (42, 43, 44)))
    other = manifest and manifest.absolute()
    with exit_zero_when_stopped():
        table = run_together(
            stages,
            "reproduce-entityclip",
            lambda: reproduce_entityclip(
                stages, benchmark, root.absolute(), folder, seeds, generate, other, overrides, force, explained
            ),
        )
        show_arms_table(table, console)
        show_lines(f"table: {link(folder / 'table.md')}")
        show_next("report", folder / f"seed-{seeds[0]}")
