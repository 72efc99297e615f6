"""Runs a fuzzer in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def fuzz(
    module: str, folder: Path, cases: int, seed: int = 0, *, most_mib: int, part: str | None = None
) -> dict[str, Any]:
    """Run the cases of `module`, offline; what it counted. There is no fault, and memory stays below `most_mib`."""
    command = [sys.executable, "-m", module, *([part] if part else []), "--cases", str(cases), "--seed", str(seed)]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--folder", str(folder / (part or "fuzz"))], cwd=ROOT, env=offline, capture_output=True, text=True
    )
    assert done.stdout, f"ended with {done.returncode}: {done.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["cases"] == cases
    assert found["mib"] < most_mib
    return found
