"""Top-up: which rows are generated again although they have an answer, and with what budget."""

from dataclasses import dataclass

from entityclip.contract.status import Status
from pipeline.errors import PipelineError

_NEVER_SENT = (Status.EMPTY_CAPTION, Status.TOO_LONG, Status.BAD_IMAGE)
REDOABLE = tuple(status for status in Status if status not in _NEVER_SENT)


@dataclass(frozen=True)
class Redo:
    """Rows with these statuses are asked for again; the others are kept.

    A row keeps its key: the key says what the manifest asks for, the shard's `generations` what was done. A row
    whose redoing fails keeps its old answer.

    Attributes:
        max_tokens: budget of the redone rows; None: the manifest's.
    """

    statuses: frozenset[Status] = frozenset()
    max_tokens: int | None = None

    def asks_for(self, status: str) -> bool:
        """Whether rows with this status are to be redone."""
        return status in self.statuses


NOTHING = Redo()


def parse_redo(statuses: str | None, max_tokens: int | None) -> Redo:
    """From the command line: `truncated,error`, and perhaps a budget.

    Raises:
        PipelineError: no such status, one that the engine has no part in, or a budget with nothing to redo.
    """
    if not statuses:
        if max_tokens is not None:
            raise PipelineError("a budget for redone rows needs statuses to redo, such as --redo truncated")
        return NOTHING
    names = [name.strip() for name in statuses.split(",")]
    known = [status.value for status in REDOABLE]
    for name in names:
        if name not in known:
            raise PipelineError(f"rows with status {name!r} cannot be redone; choose from {', '.join(known)}")
    return Redo(frozenset(Status(name) for name in names), max_tokens)
