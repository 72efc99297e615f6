"""The options of a redo, which generates new answers for rows that already have one."""

from dataclasses import dataclass

from entityclip.contract.status import Status
from pipeline.errors import PipelineError

_NEVER_SENT = (Status.EMPTY_CAPTION, Status.TOO_LONG, Status.BAD_IMAGE)
REDOABLE = tuple(status for status in Status if status not in _NEVER_SENT)


@dataclass(frozen=True)
class Redo:
    """Which rows to generate again, and with what token budget.

    A redone row keeps its key, which is computed from the manifest's settings; the settings actually used are recorded
    in the shard's `generations`. If redoing a row fails, the row keeps its old answer.

    Attributes:
        statuses: rows with one of these statuses are redone.
        max_tokens: token budget for each redone row; None for the budget in the manifest.
    """

    statuses: frozenset[Status] = frozenset()
    max_tokens: int | None = None


NOTHING = Redo()


def parse_redo(statuses: str | None, max_tokens: int | None) -> Redo:
    """Parse command-line values: comma-separated statuses such as `truncated,error`, and an optional budget.

    Raises:
        PipelineError: a status is unknown, its rows are never sent to the engine, or there is a budget but no status.
    """
    if not statuses:
        if max_tokens is not None:
            raise PipelineError("--redo-max-tokens requires the statuses to redo, such as --redo truncated")
        return NOTHING
    names = [name.strip() for name in statuses.split(",")]
    known = [status.value for status in REDOABLE]
    for name in names:
        if name not in known:
            raise PipelineError(f"rows with status {name!r} cannot be redone; choose from {', '.join(known)}")
    return Redo(frozenset(Status(name) for name in names), max_tokens)
