"""Trackers, which receive a run's metrics in addition to its own log.

A tracker receives the content of `RUN/metrics.jsonl` as scalars under names such as `loss/total`, `lr/towers`,
`image_gate/image_1` and `validation/text_to_image/R@1`.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from entityclip.contract.atomic_files import remove_anything, write_json
from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import read_object

_LONGEST_REASON = 300  # characters
_SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_NOT_TRACKED = ("by_topic", "by_entity_frequency", "chance")  # tables rather than curves; the log has them

Say = Callable[[str], None]
_FILE = "trackers.json"


class Tracker(Protocol):
    """Receiver of a run's metrics. After its first exception, which is printed, it is not called again."""

    name: str

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Receive the scalars of a step, or of the validation after it."""

    def close(self, *, failed: bool) -> None:
        """Send pending data; no other method is called afterwards."""


class Trackers:
    """A group of trackers; if one of them fails, it is dropped and training continues."""

    def __init__(self, trackers: list[Tracker], say: Say, *, every: int = 1) -> None:
        """Send only every `every`-th step to the trackers, to keep the curves of long runs small."""
        self._trackers, self._say, self._every = trackers, say, every

    def write(self, line: dict[str, Any]) -> None:
        """Send a log line to every tracker."""
        if line["kind"] == "step" and line["step"] % self._every:
            return
        scalars = dict(as_scalars(line))
        self._each(lambda tracker: tracker.log(line["step"], scalars))

    def close(self, *, failed: bool) -> None:
        """Close all trackers; `failed` says whether the run ended with an error."""
        self._each(lambda tracker: tracker.close(failed=failed))
        self._trackers = []

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                call(tracker)
            except Exception as error:  # no tracker error may stop training
                self._trackers.remove(tracker)
                self._say(f"{tracker.name} failed and receives no more metrics of this run: {reason(error)}")


def reason(error: Exception) -> str:
    """Format an error in one line, without passwords in URLs or values of secret environment variables."""
    text = re.sub(r"://[^/\s@]*@", "://***@", " ".join(str(error).split()))
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 6:
            text = text.replace(value, "***")
    return f"{type(error).__name__}: {text[:_LONGEST_REASON]}".rstrip(": ")


def as_scalars(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the name and value of each number in a log line, for trackers."""
    if line["kind"] == "validation":
        curves = {name: value for name, value in line["metrics"].items() if name not in _NOT_TRACKED}
        found = flatten({"validation": curves}, "/")
    else:
        found = flatten({"loss": line["losses"], "lr": line["lr"]}, "/")
    for name, value in found:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)
    for name, value in line.get("report", {}).items():
        yield name if "/" in name else f"report/{name}", value


def flatten(values: dict[str, Any], separator: str = ".", prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested dicts with their joined names."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, separator, f"{prefix}{name}{separator}")
        else:
            yield f"{prefix}{name}", value


def read_tracked(run: Path) -> dict[str, str]:
    """Return each tracker's id for this run, by the tracker's name; empty if none were saved."""
    try:
        return {name: value for name, value in read_object(run / _FILE).items() if isinstance(value, str)}
    except (FileNotFoundError, ContractError):  # damaged: the trackers begin new runs
        return {}


def remember_tracked(run: Path, tracker: str, run_id: str) -> None:
    """Save a tracker's id for this run, so that the run keeps the id when it is resumed."""
    tracked = read_tracked(run)
    if (run / _FILE).is_dir():
        remove_anything(run / _FILE)
    write_json(run / _FILE, tracked | {tracker: run_id})
