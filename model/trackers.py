"""Where the numbers of a run go beside its own log: TensorBoard always, others if asked for.

A tracker gets what `RUN/metrics.jsonl` gets, as plain scalars under names such as `loss/total`, `lr/towers`,
`image_gate/image_1` and `validation/text_to_image/R@1`.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from torch.utils.tensorboard import SummaryWriter

TENSORBOARD = "tensorboard"
_FLUSH_SECONDS = 10
_NOT_TRACKED = ("by_topic", "by_frequency", "chance")  # tables rather than curves; the log has them


class Tracker(Protocol):
    """Somebody who is told the numbers of a run. Whatever it raises is said once, and it is told no more."""

    name: str

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Take the scalars of a step or of a validation after it."""

    def close(self, *, failed: bool) -> None:
        """Send what is still here; nothing comes after it."""


class Trackers:
    """Several trackers as one; what fails is left out, and training goes on."""

    def __init__(self, trackers: list[Tracker], say: Callable[[str], None]) -> None:
        self._trackers, self._say = trackers, say

    def write(self, line: dict[str, Any]) -> None:
        """Tell every tracker a line of the log."""
        scalars = dict(as_scalars(line))
        self._each(lambda tracker: tracker.log(line["step"], scalars))

    def close(self, *, failed: bool) -> None:
        """End them all; `failed` if the run ended with an error."""
        self._each(lambda tracker: tracker.close(failed=failed))
        self._trackers = []

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                tell(tracker)
            except Exception as error:  # whatever a tracker raises, training is worth more
                self._trackers.remove(tracker)
                self._say(f"{tracker.name} gets no more numbers of this run: {type(error).__name__}: {error}")


class TensorBoard:
    """Event files under `RUN/tensorboard`; a resumed run takes back the points that it will make again."""

    name = "TensorBoard"

    def __init__(self, run: Path, resumed_from: int | None) -> None:
        folder = run / TENSORBOARD
        if resumed_from is None:
            shutil.rmtree(folder, ignore_errors=True)  # an earlier run's curves must not mix with these
        purge = None if resumed_from is None else resumed_from + 1
        self._writer = SummaryWriter(str(folder), purge_step=purge, flush_secs=_FLUSH_SECONDS)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Write them; on disk within seconds."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def close(self, *, failed: bool) -> None:
        """Flush the event file."""
        self._writer.close()


def open_trackers(run: Path, say: Callable[[str], None], *, resumed_from: int | None = None) -> Trackers:
    """The trackers of a run.

    Args:
        run: folder of the run.
        say: prints a line for people.
        resumed_from: the last step whose work is kept; None for a new run.
    """
    return Trackers([TensorBoard(run, resumed_from)], say)


def as_scalars(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Names and values of a line of the log, as trackers get them."""
    if line["kind"] == "validation":
        yield from _flat("validation", line["metrics"])
        return
    yield from _flat("loss", line["losses"])
    yield from _flat("lr", line["lr"])
    for name, value in line["report"].items():
        yield name if "/" in name else f"report/{name}", value


def _flat(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, dict) and name not in _NOT_TRACKED:
            yield from _flat(f"{prefix}/{name}", value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}/{name}", float(value)
