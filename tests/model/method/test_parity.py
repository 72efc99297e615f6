"""Our numbers against those recorded from the authors' implementation, and against a plain re-implementation."""

import pytest
import torch

from tests.model.parity import FOLDER, FORMS, compare, load
from tests.model.plain_ete import ODD, Sizes
from tests.model.plain_record import write

FILES = sorted(FOLDER.glob("*.safetensors"))
assert FILES, f"no *.safetensors in {FOLDER}"


pytestmark = [
    pytest.mark.parametrize("form", FORMS),
    pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["fp32", "fp64"]),
]


def check(path, form: str, dtype: torch.dtype) -> None:
    errors = compare(load(path), form, dtype)
    for one in errors:
        print(f"{one.quantity}: {one.error:.1e}")  # shown by pytest -rP
    wrong = [f"{one.quantity}: {one.error:.1e} > {one.allowed:.0e}" for one in errors if not one.error <= one.allowed]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_numbers(path, form, dtype):
    check(path, form, dtype)


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> dict[Sizes, object]:
    return {sizes: write(tmp_path_factory.mktemp("plain"), sizes) for sizes in ODD}


@pytest.mark.parametrize("sizes", ODD, ids=lambda sizes: sizes.name)
def test_a_plain_implementation_of_odd_sizes(written, sizes, form, dtype):
    check(written[sizes], form, dtype)
