"""The table of arms in a terminal of 80 columns: below each mean its standard deviation over the seeds."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model.arms_table import COLUMNS, WAYS, ArmsTable, Spread


def show_arms_table(table: ArmsTable, console: Console) -> None:
    """A table for each way, arms in rows."""
    seeds = ", ".join(map(str, table.seeds))
    for way, title in WAYS.items():
        shown = Table(
            title=f"{title}, {table.split} split, {table.gallery:,} candidates",
            title_justify="left",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        shown.add_column("")
        for column in (*COLUMNS, "mean"):
            shown.add_column(column, justify="right", no_wrap=True)
        for arm, found in table.cells.items():
            shown.add_row(
                escape(arm), *(_cell(found[way][column]) for column in COLUMNS), _cell(table.mean_recall[arm])
            )
        console.print(shown)
    spread = "; ±: standard deviation over the seeds" if len(table.seeds) > 1 else ""
    console.print(f"seeds {seeds}; recalls in percent; mean: of R@1, R@5, R@10 both ways{spread}", style="dim")
    if table.remark:
        console.print(table.remark, markup=False)


def _cell(spread: Spread) -> str:
    mean = f"{spread.mean:,.1f}" if spread.mean < 1000 else f"{spread.mean:,.0f}"
    return mean if spread.sd is None else f"{mean}\n[dim]±{spread.sd:,.1f}[/dim]"
