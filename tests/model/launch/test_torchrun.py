"""What starts torchrun, apart from what its processes do."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model.launch.torchrun import start_torchrun


def test_starting_torchrun_imports_no_torch() -> None:
    program = "import sys; from model.launch.torchrun import start_torchrun; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-P", "-c", program], check=True)


def test_what_still_runs_after_an_error_is_ended(tmp_path: Path) -> None:
    arguments = ["no-settings.yaml", "--out", "run"]
    started = start_torchrun(tmp_path, "model.launch", arguments, count=2, threads=1, shutdown_seconds=30)
    with pytest.raises(ZeroDivisionError), started as process:
        raise ZeroDivisionError
    assert process.returncode in (-signal.SIGTERM, 1)
