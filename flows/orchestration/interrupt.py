"""Ctrl-C and SIGTERM on the command line: stop soon, and say what is kept."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_GRACE_SECONDS = 5.0
EXIT_CODE = 130  # as shells report a program ended by SIGINT


def stop_soon_on_interrupt() -> None:
    """The first SIGINT raises KeyboardInterrupt; a second one, or a few seconds, end the process.

    A terminal sends SIGINT to Prefect's temporary server too, and the flow would then try for minutes to tell
    it that it crashed. Nothing is lost by leaving: answers are in the spool, locks are freed by the kernel, and
    a vLLM server's guard notices that we are gone.
    """
    interrupted = False

    def on_interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            os._exit(EXIT_CODE)
        interrupted = True
        print(
            "\ninterrupted: what is finished is kept, the same command goes on from there", file=sys.stderr, flush=True
        )
        end = threading.Timer(_GRACE_SECONDS, os._exit, [EXIT_CODE])
        end.daemon = True
        end.start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_interrupt)


@contextmanager
def exit_zero_when_stopped() -> Iterator[None]:
    """A flow that was asked to stop and saved its work ends the command with exit code 0 and a word about going on."""
    from prefect.exceptions import CancelledRun  # seconds to import, so only where a flow has been

    try:
        yield
    except CancelledRun as stop:
        print(stop, file=sys.stderr)
        sys.exit(0)
