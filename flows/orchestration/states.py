"""Final states that say what happened, such as the counts of rows by status."""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect.exceptions import CancelledRun
from prefect.states import Cancelled, Completed

from pipeline.generation.summary import GenerationSummary

P = ParamSpec("P")
R = TypeVar("R")


def rows_by_status(summary: GenerationSummary) -> str:
    """`2,790 ok, 3 error`, the most frequent first, and what a limit left."""
    counts: Counter[str] = Counter()
    for by_status in summary.counts.values():
        counts.update(by_status)
    rows = ", ".join(f"{count:,} {status}" for status, count in counts.most_common()) or "no rows"
    return rows + (f"; left for later {summary.pending:,}" if summary.pending else "")


def account(summary: GenerationSummary) -> str:
    """The same, and what this run did for it."""
    return f"{rows_by_status(summary)}; generated {summary.generated:,}, reused {summary.reused:,}"


def completed(result: R, message: str) -> R:
    """What a flow returns so that its final state carries a message; whoever called the flow gets the result."""
    return cast(R, Completed(message=message, data=result))


def stopped(message: str) -> Any:
    """What a flow returns that was asked to stop and saved its work; whoever called it meets CancelledRun."""
    return Cancelled(message=message)


def stops_with_its_child(work: Callable[P, R]) -> Callable[P, R]:
    """For a flow of flows: where one of them stopped, it has stopped too, and has not failed."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return work(*args, **kwargs)
        except CancelledRun as child:
            return cast(R, stopped(str(child)))

    return run
