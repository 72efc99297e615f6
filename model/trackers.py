"""Where the numbers of a run go beside its own log: TensorBoard always, others if asked for.

A tracker gets what `RUN/metrics.jsonl` gets, as plain scalars under names such as `loss/total`, `lr/towers`,
`image_gate/image_1` and `validation/text_to_image/R@1`.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from torch.utils.tensorboard import SummaryWriter

from model.errors import ModelError
from model.settings import LogSettings, TrainSettings

TENSORBOARD = "tensorboard"
_FLUSH_SECONDS = 10
_LONGEST_REASON = 300  # characters
_SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_NOT_TRACKED = ("by_topic", "by_frequency", "chance")  # tables rather than curves; the log has them

Say = Callable[[str], None]


class Tracker(Protocol):
    """Somebody who is told the numbers of a run. Whatever it raises is said once, and it is told no more."""

    name: str

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Take the scalars of a step or of a validation after it."""

    def close(self, *, failed: bool) -> None:
        """Send what is still here; nothing comes after it."""


class Trackers:
    """Several trackers as one; what fails is left out, and training goes on."""

    def __init__(self, trackers: list[Tracker], say: Say, *, every: int = 1) -> None:
        """`every`: steps between points, so that a long run's curves stay small."""
        self._trackers, self._say, self._every = trackers, say, every

    def write(self, line: dict[str, Any]) -> None:
        """Tell every tracker a line of the log."""
        if line["kind"] == "step" and line["step"] % self._every:
            return
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
                self._say(f"{tracker.name} gets no more numbers of this run: {reason(error)}")


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


def check_trackers(settings: LogSettings) -> None:
    """Before any long work. Raises ModelError for a tracker that is asked for and not installed."""
    for name in settings.trackers:
        if find_spec(name) is None:
            raise ModelError(f"log.trackers names {name}, which is not installed: pip install {name}, or leave it out")


def open_trackers(run: Path, settings: TrainSettings, say: Say, *, resumed_from: int | None = None) -> Trackers:
    """The trackers of a run.

    Args:
        run: folder of the run.
        settings: which trackers, and what they note as the run's configuration.
        say: prints a line for people.
        resumed_from: the last step whose work is kept; None for a new run.

    Raises ModelError if a new run's tracker cannot be opened. A resumed run goes on without it, and says so.
    """
    opened: list[Tracker] = [TensorBoard(run, resumed_from)]
    for name in settings.log.trackers:
        try:
            opened.append(_open(name, run, settings.as_plain(), resumed=resumed_from is not None))
        except Exception as error:  # each has errors of its own: no login, no server, no such project
            if resumed_from is None:
                advice = "mend it, or leave it out of log.trackers"
                raise ModelError(f"{name} cannot be used: {reason(error)}; {advice}") from error
            say(f"{name} gets no numbers of this resumed run: {reason(error)}")
    return Trackers(opened, say, every=settings.log.every)


def _open(name: str, run: Path, config: dict[str, Any], *, resumed: bool) -> Tracker:
    # numbers go to the user's own server; about use and errors nobody is told unless they say so
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    if name == "wandb":
        from model.wandb_tracker import WeightsAndBiases  # imported only if asked for: it may not be installed

        return WeightsAndBiases(run, config, resumed=resumed)
    from model.mlflow_tracker import MLflow

    return MLflow(run, config, resumed=resumed)


def reason(error: Exception) -> str:
    """An error in a line for people, without passwords in URLs and without values of variables that hold secrets."""
    text = re.sub(r"://[^/\s@]*@", "://***@", " ".join(str(error).split()))
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 6:
            text = text.replace(value, "***")
    return f"{type(error).__name__}: {text[:_LONGEST_REASON]}".rstrip(": ")


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
