"""Worker processes end with what they work for, whatever that is and however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

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
@pytest.mark.slow
def test_a_program_ends_though_something_holds_its_workers(lines):
    assert subprocess.run([sys.executable, "-c", _PROGRAM + lines], check=False).returncode == 7


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_users_own_module_is_not_taken_for_ours(tmp_path):
    """Neither `model.py` of the working directory nor one on the user's own path."""
    (tmp_path / "model.py").write_text("raise ImportError('a module of the user')")
    lines = """
import multiprocessing
from model.data.workers import start_fork_server
start_fork_server()
name = multiprocessing.get_context("forkserver").Process(target=os.getpid)
name.start(); name.join()
assert "PYTHONSAFEPATH" not in os.environ and os.environ["PYTHONPATH"] == os.getcwd()
[server] = [c for c in psutil.Process().children() if "forkserver" in " ".join(c.cmdline())]
maps = {Path(m.path).name for m in server.memory_maps()}
assert name.exitcode == 0 and "libtorch_python.so" in maps, maps  # it has imported model.data.dataset
"""
    program = "import os, psutil\nfrom pathlib import Path\n" + lines
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    root = str(Path(__file__).parents[3])
    subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {root!r})\n" + program],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(tmp_path)},
        check=True,
    )
