"""Writes the current step of a command and the elapsed seconds below the command's output while it prints nothing.

`flows.display.waiting` runs this file as a separate process. A thread could not write while torch's libraries are being
loaded, because loading them holds the GIL, for many seconds if the disk cache is cold. Only modules of the standard
library are imported, so that the process starts quickly.

The command sends one line on standard input whenever it prints something. The line names the silent step that begins,
or is empty.
"""

import os
import select
import signal
import time

_AT_ONCE, _AFTER_OUTPUT, _EVERY = 0.8, 5.0, 1.0  # seconds
_CLEAR = b"\r\x1b[K"


def main() -> None:
    """Read lines until the command closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # this process ends when the command does
    step, patience, silent_since, is_shown = b"starting", _AT_ONCE, time.monotonic(), False
    while True:
        silent = time.monotonic() - silent_since
        if select.select([0], [], [], _EVERY if is_shown else max(0.0, patience - silent))[0]:
            lines = os.read(0, 1 << 16).split(b"\n")
            if len(lines) == 1:
                break
            step, patience = (lines[-2], _AT_ONCE) if lines[-2] else (b"working", _AFTER_OUTPUT)
            silent_since, is_shown = time.monotonic(), False
        else:
            os.write(2, b"%s%s, %d s" % (_CLEAR, step, round(time.monotonic() - silent_since)))
            is_shown = True
    if is_shown:
        os.write(2, _CLEAR)


if __name__ == "__main__":
    main()
