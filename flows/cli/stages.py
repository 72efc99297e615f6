"""Chooses how commands run their stages: as Prefect flows if a server is configured, otherwise without Prefect."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from flows.display.waiting import announce
from flows.orchestration.server import answering_server, is_server_configured
from pipeline.files.visible_text import visible_lines

if TYPE_CHECKING:  # pyarrow and pydantic take longer to import than `--help` needs
    from flows.stages import Stages

R = TypeVar("R")


def open_stages() -> "Stages":
    """Return the flows if a Prefect server is configured, otherwise the plain functions.

    Call this after checking the user's input, since importing Prefect takes seconds.

    Raises:
        PipelineError: the configured server does not answer.
    """
    from flows.stages import PLAIN, Stages

    if not is_server_configured():
        return PLAIN
    announce("connecting to the configured Prefect server")
    print(f"this run is recorded at {answering_server()}", file=sys.stderr, flush=True)
    from flows.evaluate import evaluate_entityclip
    from flows.generate import generate_explanations
    from flows.train import train_entityclip

    return Stages(generate_explanations, train_entityclip, evaluate_entityclip)


def run_together(stages: "Stages", name: str, work: Callable[[], R]) -> R:
    """Run `work`, which calls several stages. With Prefect, their flow runs are children of one named `name`."""
    from flows.stages import PLAIN

    if stages is PLAIN:
        return work()
    from flows.orchestration.states import run_in_one_flow

    return run_in_one_flow(name, work)


@contextmanager
def exit_zero_when_stopped() -> Iterator[None]:
    """Exit with code 0, printing the reason, if training inside the block saved its state and stopped on request."""
    try:
        yield
    except Exception as stop:
        if not _is_stop(stop):
            raise
        print(visible_lines(str(stop)), file=sys.stderr)
        sys.exit(0)


def _is_stop(error: Exception) -> bool:
    from model.training.stop_signal import Stopped

    if "flows.orchestration.states" not in sys.modules:
        return isinstance(error, Stopped)
    from flows.orchestration.states import CancelledRun

    return isinstance(error, Stopped | CancelledRun)
