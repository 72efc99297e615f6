import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_release_is_planned_in_bounded_memory(tmp_path: Path) -> None:
    """A quarter of VisualNews; `json.load` of its 99 MB alone takes 330 MiB."""
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, "-m", "benchmarks.planning", "--rows", "300000", "--visualnews", "--json", str(numbers)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
    (found,) = json.loads(numbers.read_text())
    assert found["pairs"] == 300_000
    assert found["peak_mib"] - found["peak_mib_before"] < 180
