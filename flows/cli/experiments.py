"""Commands that run everything from captions to a table of results: `demo` and `reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.stages import exit_zero_when_stopped, open_stages, run_together
from pipeline.manifest.engine_kind import EngineKind


def demo(
    engine: Annotated[EngineKind, typer.Option(help="engine that generates the explanations")] = "transformers",
    out: Annotated[Path | None, typer.Option("--out", help="run folder; by default runs/heraldry")] = None,
) -> None:
    """Run everything on the demo world: generate, train three ways, evaluate, report."""
    stages = open_stages()
    from flows.demo import run_demo

    with exit_zero_when_stopped():
        run_together(stages, "entityclip-demo", lambda: run_demo(stages, engine=engine, out=out))


def reproduce(
    benchmark: Annotated[str, typer.Argument(help="n24news, visualnews or goodnews")],
    root: Annotated[Path, typer.Option(help="folder of its published files, and of released explanations if any")],
    out: Annotated[Path | None, typer.Option("--out", help="by default runs/reproduce-BENCHMARK")] = None,
    seed: Annotated[list[int] | None, typer.Option(min=0, help="repeatable; by default 42, 43 and 44")] = None,
    generate: Annotated[bool, typer.Option("--generate", help="generate even if there are released explanations")] = (
        False
    ),
    manifest: Annotated[Path | None, typer.Option(help="generate with its model, prompt and engine")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="change a training setting of all arms (repeatable)")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="continue even if the check found errors")] = False,
) -> None:
    """Reproduce the paper's table on one of its benchmarks; if run again, it resumes."""
    from flows.paper_benchmarks import open_reproduction

    folder = (out or Path("runs") / f"reproduce-{benchmark}").absolute()
    open_reproduction(benchmark, root, folder)  # so that errors are reported before anything slow
    stages = open_stages()
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
                stages, benchmark, root.absolute(), folder, seeds, generate, other, overrides, force
            ),
        )
        show_arms_table(table, console)
        show_lines(f"table: {folder / 'table.md'}")
