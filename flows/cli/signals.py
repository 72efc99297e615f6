"""Handles Ctrl-C and SIGTERM on the command line."""

import os
import signal
import sys
import threading
from types import FrameType

_GRACE_SECONDS = 5.0
_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def stop_soon_on_signals() -> None:
    """End the command on SIGINT (exit code 130) or SIGTERM (exit code 143).

    The process exits at once on a second signal, or if the command has not ended after a few seconds. No work is lost:
    answers are spooled, the kernel releases locks, and a guard process stops vLLM. Training handles signals itself.
    """
    is_ending = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal is_ending
        code = 128 + number  # the exit code that shells report
        if is_ending:
            os._exit(code)
        is_ending = True
        word = _WORDS[signal.Signals(number)]
        print(f"\n{word}: finished work is kept; run the same command to continue", file=sys.stderr, flush=True)
        end = threading.Timer(_GRACE_SECONDS, os._exit, [code])
        end.daemon = True
        end.start()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(code)

    for number in _WORDS:
        signal.signal(number, on_signal)
