"""Several real processes (torchrun, gloo) give the gradients of one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.settings.schema import MethodSettings
from model.training.step import TrainingStep
from tests.model.clip.test_towers import resnet
from tests.model.distributed_program import cases, computed, prepared
from tests.model.training.test_gradient_cache import worst

# of a parameter's largest entry; sums in another order, and bf16 rounds products of 2 rows otherwise than those of 11
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.1}


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_processes_give_the_gradients_of_one(clip_folder: Path, tmp_path: Path, count: int) -> None:
    program = ["-m", "tests.model.distributed_program", str(clip_folder), str(tmp_path)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    subprocess.run([*torchrun, *program], check=True)
    found = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(count)]
    assert all(torch.equal(value, other[name]) for other in found[1:] for name, value in found[0].items())
    for case in cases(count):
        expected = computed(case._replace(micro=None), *prepared(case, clip_folder), None)
        ours = {name: found[0][f"{case}: {name}"] for name in expected}
        for name in [name for name in expected if name.startswith("= ")]:
            tolerance = 1e-2 if case.dtype == torch.bfloat16 else 1e-5
            torch.testing.assert_close(ours.pop(name), expected.pop(name), rtol=tolerance, atol=1e-6)
        error, name = worst(ours, expected)
        assert error < TOLERANCE[case.dtype], f"{case}: {name}"


def test_batch_normalisation_is_refused() -> None:
    several = LocalGroup()
    several.count = 2
    with pytest.raises(ModelError, match=r"^2 processes: clip.visual.bn1 is a batch normalisation.*frozen statistics"):
        TrainingStep(EntityCLIP(resnet(), MethodSettings()), 0, processes=several)
