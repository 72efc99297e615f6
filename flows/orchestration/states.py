"""Final states of flow runs, with messages such as row counts by status."""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from prefect import flow
from prefect.exceptions import CancelledRun
from prefect.states import Cancelled, Completed

from pipeline.generation.summary import GenerationSummary

P = ParamSpec("P")
R = TypeVar("R")


def rows_by_status(summary: GenerationSummary) -> str:
    """Format the row counts by status, most frequent first (`2,790 ok, 3 error`), and the number of pending pairs."""
    counts = sum(map(Counter, summary.counts.values()), Counter[str]())
    rows = ", ".join(f"{count:,} {status}" for status, count in counts.most_common()) or "no rows"
    return rows + (f"; pending {summary.pending:,}" if summary.pending else "")


def summary_line(summary: GenerationSummary) -> str:
    """Format the row counts by status, and the numbers of rows that this run generated and reused."""
    return f"{rows_by_status(summary)}; generated {summary.generated:,}, reused {summary.reused:,}"


def completed(result: R, message: str) -> R:
    """Return a flow's final state, which has a message; the caller of the flow receives `result`."""
    return cast(R, Completed(message=message, data=result))


def stops_with_its_child(work: Callable[P, R]) -> Callable[P, R]:
    """Decorate a parent flow so that it ends as cancelled, not failed, when a child flow was stopped."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return work(*args, **kwargs)
        except CancelledRun as child:
            return cast(R, Cancelled(message=str(child)))

    return run


def run_in_one_flow(name: str, work: Callable[[], R]) -> R:
    """Run `work` inside a flow run named `name`; flow runs that `work` starts become its children."""

    @flow(name=name)
    @stops_with_its_child
    def parent() -> R:
        return work()

    return parent()
