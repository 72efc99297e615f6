"""Helpers shared by the benchmarks: options, tables, separate processes, and peak memory."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from entityclip.contract.atomic_files import write_json
from model.errors import ModelError

JsonPath = Annotated[Path | None, typer.Option("--json", help="JSON file to write the results to.")]
Sizes = Annotated[list[int], typer.Option("--rows", help="Number of rows or pairs (repeatable).")]
P = ParamSpec("P")
R = TypeVar("R")


def in_process(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in a new process, so that the memory and caches of other measurements do not affect it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def peak_mib() -> float:
    """Return the peak RSS in MiB. `ru_maxrss` is not used, because it starts at the parent process's peak."""
    return status_mib("VmHWM")


def status_mib(name: str) -> float:
    """Return a field of /proc/self/status, such as RssAnon, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.M)
    assert found is not None
    return int(found[1]) / 2**10


class Command(NamedTuple):
    """The output of an `entityclip` command, and its cost."""

    output: bytes
    seconds: float
    cpu_seconds: float
    peak_mib: float


def run_command(*arguments: str, accepted: tuple[int, ...] = (0,)) -> Command:
    """Run an `entityclip` command. Raises CalledProcessError if its exit code is not in `accepted`."""
    command = [sys.executable, "-m", "flows.cli", *arguments]
    began = time.monotonic()  # the child's peak RSS starts at this process's RSS, which is smaller
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Command(output, time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**10)


def show_table(records: Iterable[Mapping[str, Any]], title: str | None = None) -> None:
    """Print one row per record, with the first record's keys as headings; print nothing if there are no records."""
    console, table = Console() if sys.stdout.isatty() else Console(width=140), Table(title=title, title_justify="left")
    for record in records:
        if not table.columns:
            for key, value in record.items():
                table.add_column(key.replace("_", " "), justify="left" if isinstance(value, str) else "right")
        table.add_row(*(_cell(value) for value in record.values()))
    if table.columns:
        console.print(table)


def _cell(value: Any) -> str:
    """Format a table cell: floats with at least three significant digits, None as an empty cell."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value or "")


def median_and_range(values: Sequence[float]) -> str:
    """Format the median of `values`, followed by the minimum and maximum in brackets."""
    return f"{_cell(median(values))} ({_cell(min(values))} to {_cell(max(values))})"


def write_results(path: Path | None, results: Any) -> None:
    """Write results as JSON; do nothing if `path` is None."""
    if path is not None:
        write_json(path, results)


def run_main(main: Callable[..., None]) -> None:
    """Run a benchmark's command line. A ModelError is printed without a traceback."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except ModelError as error:
        sys.exit(f"error: {error}")
