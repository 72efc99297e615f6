import subprocess
import sys

import pytest

SLOW = ("timm", "transformers", "torch._dynamo")

PROGRAM = f"""
import sys

from model.clip.open_clip_import import open_clip

assert not [name for name in {SLOW} if name in sys.modules]
import torch
from torchvision.ops import roi_align

image, boxes = torch.arange(16.0).reshape(1, 1, 4, 4), [torch.tensor([[0.0, 0.0, 2.0, 2.0]])]
try:
    assert roi_align(image, boxes, output_size=1, aligned=False).item() == 5
except (RuntimeError, AttributeError, NotImplementedError) as error:  # this torchvision's operators do not load
    assert "roi_align" in str(error), error
from model.clip import open_clip_import

assert not [one for one in sys.meta_path if isinstance(one, open_clip_import._Hidden)]
assert roi_align.__globals__["is_compile_supported"]("cpu") in (True, False)
assert torch._dynamo.utils.__file__ and open_clip.hf_model.transformers is None
"""


@pytest.mark.slow
def test_open_clip_comes_without_what_is_slow_and_never_used():
    """In a process of its own; afterwards the hidden libraries import and work as ever."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
