"""Explained search on heraldry worlds: `python -m benchmarks.explained_search [--choose]`.

`--choose` trains all arms on three worlds, and writes the plan: each arm's learning rate and weights of explanations,
chosen on their validation splits. Without it, the committed plan is run on five other worlds. Both go on from the rows
of their CSV file in docs/explained_search. docs/explained_search.md has the design and the results.
"""

import os
from pathlib import Path
from typing import Annotated

import typer


def main(
    out: Annotated[Path, typer.Option(help="Folder for worlds and runs.")] = Path("runs/explained"),
    choose: Annotated[bool, typer.Option("--choose", help="Choose on validation and write the plan.")] = False,
    table: Annotated[bool, typer.Option("--table", help="Only write the table of what has been run.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of parallel runs. Default: one per core.")] = None,
) -> None:
    """Choose on validation, or run the plan on new worlds and write its table."""
    print("loading torch", flush=True)
    from benchmarks.explained_search import plan as of
    from benchmarks.explained_search.complete import complete
    from benchmarks.explained_search.table import write_table
    from benchmarks.explained_search.worlds import prepare_worlds
    from flows.cli.signals import stop_soon_on_signals
    from flows.display.printing import show_lines

    stop_soon_on_signals()
    at_once = workers or len(os.sched_getaffinity(0))
    root = out.absolute()
    if table:
        show_lines(write_table())
    elif choose:
        prepare_worlds([of.world(root, edition) for edition in of.CHOOSING_WORLDS], at_once)
        runs = list(of.choosing_runs(root, of.steps_by_arm(root)))
        found = of.choose(complete(runs, of.CHOOSING, "val", None, at_once))
        of.write_plan(found)
        print(f"{of.PLAN} is written; commit it, then run: python -m benchmarks.explained_search")
    else:
        plan = of.read_plan()
        prepare_worlds([of.world(root, edition) for edition in of.CONFIRMING_WORLDS], at_once)
        complete(list(of.confirming_runs(root, plan)), of.CONFIRMING, "test", plan, at_once)
        show_lines(write_table())


if __name__ == "__main__":
    typer.run(main)
