"""Defines a fact about this machine. `entityclip doctor --json` writes its fields; docs/doctor.md explains them."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

DOCTOR_VERSION = 1
Status = Literal["ok", "note", "warning", "error"]
SEVERITIES: tuple[Status, ...] = ("error", "warning", "note", "ok")  # the most severe first


class Fact(NamedTuple):
    """The result of examining one property of the machine or its software.

    Attributes:
        name: stable name that scripts can rely on.
        status: severity of the result.
        value: what was found.
        meaning: what the value allows or prevents.
        remedy: how to change it, as a command if one command does it; None if and only if the status is "ok".
    """

    name: str
    status: Status
    value: str
    meaning: str
    remedy: str | None = None


def verdict(facts: Iterable[Fact]) -> Literal["ok", "warning", "error"]:
    """Return the worst status; notes count as "ok"."""
    found = {fact.status for fact in facts}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"


def exit_code(facts: Iterable[Fact], *, strict: bool) -> int:
    """Return 2 if there are errors, 1 if there are warnings and `strict` is set, otherwise 0."""
    return {"error": 2, "warning": int(strict), "ok": 0}[verdict(facts)]
