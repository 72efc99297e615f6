"""The guard ends a server's whole group, however its owner went. Real processes, no vLLM."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

GUARD = Path(__file__).parents[4] / "pipeline" / "engines" / "vllm" / "guard.py"
# a "server" whose worker ignores SIGTERM, as a hung engine does
WORKER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
SERVER = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {WORKER!r}]); time.sleep(600)"
OWNER = (
    "import subprocess, sys, time;"
    "p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True);"
    "print(p.pid, flush=True); time.sleep(600)"
)


def _wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _group(leader: int) -> list[int]:
    """Living processes of a process group."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


@pytest.mark.parametrize("how", ["owner killed", "server killed"])
def test_nothing_is_left(how: str) -> None:
    guarded = [sys.executable, str(GUARD), "0.5", sys.executable, "-c", SERVER]
    owner = subprocess.Popen([sys.executable, "-c", OWNER, *guarded], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    lines = [owner.stdout.readline(), owner.stdout.readline()]  # the pid, and "up" from the worker
    assert "up\n" in lines
    leader = int(next(line for line in lines if line != "up\n"))
    assert len(_group(leader)) == 3  # guard, server, worker
    if how == "owner killed":
        owner.send_signal(signal.SIGKILL)
    else:
        os.kill(next(c.pid for c in psutil.Process(leader).children()), signal.SIGKILL)
    _wait_until(lambda: not _group(leader))
    owner.kill()
    owner.wait()
