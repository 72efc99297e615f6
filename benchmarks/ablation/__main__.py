"""Ablation of the method on heraldry worlds: `python -m benchmarks.ablation [--quick | --confirm | --harder]`.

Arms get the same number of steps, or the same number of operations; each arm's learning rate is selected on validation
from the same grid. Running it again resumes. docs/ablation.md describes the design and the results.
"""

from pathlib import Path
from typing import Annotated

import typer


def main(
    out: Annotated[Path, typer.Option(help="folder for all results")] = Path("runs/ablation"),
    quick: Annotated[bool, typer.Option("--quick", help="one world, two seeds, the main arms: five minutes")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="the selected arms on worlds not used before")] = False,
    harder: Annotated[bool, typer.Option("--harder", help="several houses in a picture, unseen ones, twins")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="concurrent runs; by default one per core")] = None,
) -> None:
    """Run the ablation and print its table."""
    from flows.orchestration.interrupt import stop_soon_on_interrupt

    from benchmarks.ablation.flow import ablate

    if quick + confirm + harder > 1:
        raise typer.BadParameter("--quick, --confirm and --harder are sizes; give one")
    stop_soon_on_interrupt()
    ablate(out.absolute(), "quick" if quick else "confirmation" if confirm else "harder" if harder else "full", workers)


if __name__ == "__main__":
    typer.run(main)
