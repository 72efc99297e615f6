"""SIGTERM and Ctrl-C while a model trains: finish the step, save, leave."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self, TypeVar

T = TypeVar("T")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):  # noqa: N818
    """A run was asked to stop and has saved its state; the message says where, and how to go on."""


class _StopNow(Exception):  # noqa: N818
    """Raised by the handler in code that can be left in the middle."""


class StopSignal:
    """A context manager: the first SIGTERM or SIGINT becomes a request, a second one acts as it did before.

    Outside the main thread, where Python lets nobody handle signals, it does nothing.
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
        """Do what takes long and changes nothing; None if a stop is asked for before its end."""
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
        """After the block: Ctrl-C means now what it meant before it."""
        if self.asked == signal.SIGINT:
            signal.raise_signal(signal.SIGINT)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
            return
        self.asked = signal.Signals(number)
        # not print: a signal may come in the middle of another one
        os.write(2, f"\n{self.asked.name}: saving after this step\n".encode())
        if self._can_leave:
            self._can_leave = False
            raise _StopNow
