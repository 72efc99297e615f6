"""Graceful stop of training on SIGTERM and Ctrl-C: finish the step, save, exit."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self, TypeVar

T = TypeVar("T")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):  # noqa: N818
    """A run was stopped after saving its state; the message names the folder and says how to resume."""


class _StopNow(Exception):  # noqa: N818
    """Raised by the signal handler while interruptible code runs."""


class StopSignal:
    """Context manager: the first SIGTERM or SIGINT sets `asked`; a second signal goes to the previous handler.

    Outside the main thread, where Python cannot handle signals, it does nothing.
    """

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._can_leave = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def unless_stopped(self, call: Callable[[], T]) -> T | None:
        """Call a long-running function without side effects; return None if a stop is requested before it returns."""
        if self.asked is not None:
            return None
        try:
            self._can_leave = True
            result = call()
            self._can_leave = False
            return result
        except _StopNow:
            return None
        finally:
            self._can_leave = False

    def hand_over(self) -> None:
        """Pass a received SIGINT on to the previous handler; call this after leaving the context."""
        if self.asked == signal.SIGINT:
            signal.raise_signal(signal.SIGINT)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
            return
        self.asked = signal.Signals(number)
        # not print, which is not reentrant and so unsafe in a signal handler
        os.write(2, f"\n{self.asked.name} received; saving after this step\n".encode())
        if self._can_leave:
            self._can_leave = False
            raise _StopNow
