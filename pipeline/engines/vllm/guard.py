"""Run a server, and kill its whole process group when the program that started this guard exits.

    python guard.py GRACE_SECONDS COMMAND [ARG ...]

The guard is started in its own session with a pipe on stdin. The pipe closes when the program at its other end stops
the server or dies, even by SIGKILL. The process group then gets SIGTERM and, after the grace time, SIGKILL. This also
ends engine and worker processes left behind by a server whose main process was killed.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def is_anyone_in(group: int) -> bool:
    """Return True if a process group has a live process other than this one (read from /proc)."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            stat = (process / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has exited in the meantime
        fields = stat.rpartition(")")[2].split()  # state, parent, group, ...
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def _end_group(grace_seconds: float) -> None:
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while is_anyone_in(os.getpgrp()) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Run the command given as arguments until it exits or stdin closes."""
    grace_seconds, command = float(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, lambda *_: None)  # `_end_group` sends it to the group, which includes this process
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end_with_server() -> None:
        server.wait()
        _end_group(grace_seconds)

    threading.Thread(target=end_with_server, daemon=True).start()
    sys.stdin.buffer.read()  # blocks until the writer closes the pipe or dies
    _end_group(grace_seconds)


if __name__ == "__main__":
    main()
