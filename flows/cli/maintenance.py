"""Defines the command `clear-stale-runs`, which corrects Prefect's records."""

from typing import Annotated

import typer

from flows.cli.options import given_options
from flows.orchestration.server import answering_server


def clear_stale_runs(
    silent: Annotated[
        float,
        typer.Option(
            min=30, help="Seconds without a heartbeat after which a process on another machine is considered dead."
        ),
    ] = 120.0,
    dry_run: Annotated[bool, typer.Option(help="Only list the stale runs.")] = False,
) -> None:
    """Free the slots of flow runs that Prefect lists as running although their processes have ended."""
    answering_server()  # fails if no server answers
    from flows.display.next_steps import show_next
    from flows.display.printing import show_lines
    from flows.orchestration.stale_runs import clear_stale_runs as clear

    found = clear(silent, dry_run=dry_run)
    for run in found:
        show_lines(f"{run.name} ({run.flow_run_id}): {run.why}")
    show_lines(f"stale runs {'found' if dry_run else 'cleared'}: {len(found)}")
    if found and dry_run:
        show_next("clear-stale-runs", *given_options(silent=silent))
    elif found:
        show_lines("next: run their deployments again; finished work is kept")
