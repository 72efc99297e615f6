"""`entityclip report`: writes a page and plots for the given folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entityclip.contract.locations import is_url
from flows.display.next_steps import link, show_next
from flows.display.printing import show_lines
from flows.display.waiting import announce
from model.errors import ModelError
from model.report.sources import find_sources, has_shards

if TYPE_CHECKING:
    from model.report.write import Report


def report_on(runs: Sequence[str], out: Path | None, title: str | None) -> "Report":
    """Write the report page, then print its verdict and the paths of the files written.

    Raises:
        ModelError: a folder contains nothing to report on, or the page cannot be written to `out`.
    """
    for run in runs:
        if is_url(run):
            raise ModelError(
                f"{run} is a URL; reports can only read local folders, so copy the shards first (aws s3 sync, rclone)"
            )
    folders = [Path(run) for run in runs]
    sources = find_sources(folders)
    # a page next to shards is named with a leading underscore, so that dataset readers skip it
    name = "_report.html" if has_shards(folders[0]) else "report.html"
    path = (out or folders[0] / name).absolute()
    if path.is_dir():
        raise ModelError(f"{path} is a folder; name the file to write, such as --out {path / 'report.html'}")
    announce("loading torch")
    from model.report.write import write_page  # torch takes seconds to import, and errors come first

    report = write_page(path, title or folders[0].resolve().name, sources)
    show_lines(report.verdict, style="bold")
    show_files(report)
    show_next("serve", runs[0])
    return report


def show_files(report: "Report") -> None:
    """Print the paths of the page and its plots."""
    show_lines(f"report: {link(report.path)}")
    if report.plots:
        names = ", ".join(plot.name for plot in report.plots)
        show_lines(f"plots: {report.plots[0].parent}: {names}")
