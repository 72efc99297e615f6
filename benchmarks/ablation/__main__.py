"""Ablation of the method on heraldry worlds: `python -m benchmarks.ablation [--quick | --confirm | --harder]`.

All arms get the same number of steps or of operations. Each arm's learning rate is selected from the same grid by
validation. Running the command again resumes the ablation. docs/ablation.md has the design and the results.
"""

from pathlib import Path
from typing import Annotated

import typer


def main(
    out: Annotated[Path, typer.Option(help="Folder for all results.")] = Path("runs/ablation"),
    quick: Annotated[bool, typer.Option("--quick", help="Run only the main arms on one world (5 minutes).")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Run the selected arms on new worlds.")] = False,
    harder: Annotated[
        bool, typer.Option("--harder", help="Run worlds with unseen and twin houses, and captions of several houses.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of parallel runs. Default: one per core.")] = None,
) -> None:
    """Run the ablation and print its table."""
    from benchmarks.ablation.flow import ablate
    from flows.cli.signals import stop_soon_on_signals

    if quick + confirm + harder > 1:
        raise typer.BadParameter("give only one of --quick, --confirm and --harder")
    stop_soon_on_signals()
    ablate(out.absolute(), "quick" if quick else "confirmation" if confirm else "harder" if harder else "full", workers)


if __name__ == "__main__":
    typer.run(main)
