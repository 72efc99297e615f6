"""Worker processes end with what they work for, whatever that is and however it ends."""

import signal
import subprocess
import sys

import psutil
import pytest

_PROGRAM = """
import gc, itertools, os
import psutil
from model.errors import ModelError
from tests.model.doubler import begin_small_server, doubled
gc.disable()
begin_small_server()
loaded = doubled(itertools.chain([0, 1, -1], range(10**9)), workers=2)
"""


@pytest.mark.parametrize(
    "lines",
    [
        "assert next(loaded) == 0; raise SystemExit(7)",
        """
try:
    list(loaded)
except ModelError as error:
    held = error
raise SystemExit(7)
""",
    ],
    ids=["in the middle", "after an error of a worker's"],
)
def test_a_program_ends_though_something_holds_its_workers(lines):
    assert subprocess.run([sys.executable, "-c", _PROGRAM + lines], check=False).returncode == 7


def test_workers_end_with_a_program_that_is_killed():
    lines = """
assert next(loaded) == 0
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", _PROGRAM + lines], stdout=subprocess.PIPE, check=False)
    left = [psutil.Process(int(pid)) for pid in ended.stdout.split() if psutil.pid_exists(int(pid))]
    assert ended.returncode == -signal.SIGKILL and len(ended.stdout.split()) >= 3  # the server and two workers
    assert not psutil.wait_procs(left, timeout=120)[1]
