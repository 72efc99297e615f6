"""Every command pays for what the command line imports before it knows which command is meant."""

import subprocess
import sys

_PROGRAM = """
import sys
from flows.cli.main import app
try:
    app(["--help"])
except SystemExit as end:
    assert not end.code
heavy = {"torch", "prefect", "transformers", "pyarrow", "numpy", "pydantic", "httpx"} & sys.modules.keys()
assert not heavy, heavy
"""


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "clear-stale-runs" in done.stdout
