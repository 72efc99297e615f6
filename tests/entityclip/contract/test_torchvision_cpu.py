"""torchvision comes beside a torch that it was not compiled for, also in programs that know nothing of us."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_PTH = ROOT / "entityclip" / "contract" / "entityclip-torchvision.pth"
_OURS = "from entityclip.contract.torchvision_cpu import make_torchvision_importable\nmake_torchvision_importable()"
_IMPORT = """
import sys
assert not {"torch", "torchvision"} & sys.modules.keys()
import torchvision.transforms
assert torchvision.transforms.Resize(4)
"""


@pytest.mark.parametrize("first", [_OURS, _PTH.read_text(), _PTH.read_text() + _OURS, _PTH.read_text() * 2])
@pytest.mark.slow
def test_it_comes_in_whichever_way_it_is_made_importable(first: str) -> None:
    done = subprocess.run([sys.executable, "-c", first + _IMPORT], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_start_of_python_costs_nothing() -> None:
    """Every Python of the environment executes the line: it imports nothing."""
    (line,) = _PTH.read_text().splitlines()
    program = f"import sys\nbefore = set(sys.modules)\n{line}\nassert set(sys.modules) == before"
    subprocess.run([sys.executable, "-S", "-c", program], check=True)
