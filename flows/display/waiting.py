"""Shows the current step and the elapsed seconds on the terminal while a command prints nothing."""

import atexit
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

_SHORT = 0.5  # seconds; shorter than any silence that `flows.display.elapsed` shows
_process: subprocess.Popen[bytes] | None = None


def show_waiting() -> None:
    """Start the process that shows how long the command has been silent, if stderr is a terminal."""
    global _process
    if not sys.stderr.isatty():
        return
    command = [sys.executable, "-IS", str(Path(__file__).with_name("elapsed.py"))]
    _process = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)
    assert _process.stdin is not None
    os.set_blocking(_process.stdin.fileno(), False)
    atexit.register(stop_waiting)
    last = {"output": time.monotonic(), "told": 0.0}
    for stream in (sys.stdout, sys.stderr):
        _report_writes(stream, last)


def stop_waiting() -> None:
    """End the process that shows the silence. Call this before other processes write to the terminal."""
    global _process
    if _process is not None:
        process, _process = _process, None
        process.communicate()


def announce(step: str) -> None:
    """Print the name of a step that takes seconds and has no output of its own, such as loading torch."""
    print(step, file=sys.stderr, flush=True)
    _tell(step)


def _report_writes(stream: TextIO, last: dict[str, float]) -> None:
    """Make each write to the stream notify the process, and clear the line that the process may have shown."""
    write: Callable[[str], int] = stream.write

    def reported(text: str) -> int:
        now = time.monotonic()
        if now - last["told"] > _SHORT:
            _tell("")
            last["told"] = now
        if now - last["output"] > _SHORT and _process is not None:
            os.write(2, b"\r\x1b[K")
        last["output"] = now
        return write(text)

    stream.write = reported  # type: ignore[method-assign]


def _tell(step: str) -> None:
    if _process is not None and _process.stdin is not None:
        with suppress(OSError):  # the process was killed, or its pipe is full
            os.write(_process.stdin.fileno(), f"{step}\n".encode())
