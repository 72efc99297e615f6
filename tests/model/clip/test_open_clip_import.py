import subprocess
import sys

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
import torch._dynamo.utils, transformers

assert torch._dynamo.utils.is_compile_supported("cpu") in (True, False)
assert transformers.CLIPConfig().projection_dim == 512
"""


def test_open_clip_comes_without_what_is_slow_and_never_used():
    """In a process of its own; afterwards the hidden libraries import and work as ever."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
