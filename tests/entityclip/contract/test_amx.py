"""A bf16 matrix product, large enough for tiles, must not end the program, whatever the machine advertises."""

import os
import subprocess
import sys

import pytest

_PRODUCT = "import torch; a = torch.ones(128, 128, dtype=torch.bfloat16); assert (a @ a).float().sum() == 128**3"


@pytest.mark.parametrize("package", ["pipeline", "model"])
@pytest.mark.slow
def test_bf16_products_run(package: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ONEDNN_MAX_CPU_ISA"}
    subprocess.run([sys.executable, "-c", f"import {package}; {_PRODUCT}"], check=True, env=environment)
