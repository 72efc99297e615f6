"""Every command pays for what the command line imports before it knows which command is meant."""

import os
import subprocess
import sys
from importlib.metadata import version

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


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_version_and_a_misspelt_command() -> None:
    assert _run("--version").stdout == f"entityclip {version('entityclip')}\n"
    misspelt = _run("chekc")
    assert misspelt.returncode == 2 and "Did you mean 'check'" in misspelt.stderr


def test_a_shell_completes_commands_and_options() -> None:
    code = "import sys; sys.argv = ['entityclip']; from flows.cli.main import main; main()"
    for line, completed in (("entityclip ins", "inspect"), ("entityclip train --over", "--overwrite")):
        place = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_ENTITYCLIP_COMPLETE": "complete_bash"}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | place)
        assert done.stdout.split() == [completed] and not done.stderr
