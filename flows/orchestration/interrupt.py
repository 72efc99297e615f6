"""Handles Ctrl-C and SIGTERM on the command line."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_GRACE_SECONDS = 5.0
EXIT_CODE = 130  # 128 + SIGINT, as in shells


def stop_soon_on_interrupt() -> None:
    """Raise KeyboardInterrupt on the first SIGINT; exit on the second, or a few seconds after the first.

    A terminal sends SIGINT to Prefect's temporary server too, and the flow would then spend minutes trying to report
    its crash to that server. Exiting loses nothing: answers are in the spool, the kernel releases locks, and a
    vLLM server is stopped by its guard when this process is gone.
    """
    interrupted = False

    def on_interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            os._exit(EXIT_CODE)
        interrupted = True
        print("\ninterrupted: finished work is kept; run the same command to continue", file=sys.stderr, flush=True)
        end = threading.Timer(_GRACE_SECONDS, os._exit, [EXIT_CODE])
        end.daemon = True
        end.start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_interrupt)


@contextmanager
def exit_zero_when_stopped() -> Iterator[None]:
    """Print the flow's message and exit with code 0 if a flow in the block saved its work and stopped on request."""
    from prefect.exceptions import CancelledRun  # not imported at the top, as it takes seconds

    try:
        yield
    except CancelledRun as stop:
        print(stop, file=sys.stderr)
        sys.exit(0)
