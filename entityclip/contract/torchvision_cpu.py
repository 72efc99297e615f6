"""Workaround for importing torchvision with a build of torch that it was not compiled for.

transformers and open_clip import torchvision for its image transforms. If the compiled operators cannot be loaded (for
example by a CUDA build of torchvision with a CPU build of torch), `import torchvision` fails, because it registers fake
kernels for `torchvision::nms` and `torchvision::qnms` without checking that they exist. Declaring both operators first
makes the import succeed. Transforms then work; `torchvision.ops` and `torchvision.io` do not, but are not used here.

`entityclip-torchvision.pth` next to this file does the same for every program in the environment where the package is
installed, because the code that `entityclip export` prints imports open_clip without importing this package.
"""

import sys
from importlib.abc import MetaPathFinder
from typing import Any

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # garbage collection of a torch.library.Library would undo its declarations


class _BeforeRegistrations(MetaPathFinder):
    """Declares missing operators just before torchvision registers fake kernels for them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torchvision._meta_registrations":
            declare_missing_operators()


def make_torchvision_importable() -> None:
    """Make a later `import torchvision` succeed even if its operators cannot be loaded. The call imports nothing."""
    if not any(isinstance(finder, _BeforeRegistrations) for finder in sys.meta_path):
        sys.meta_path.insert(0, _BeforeRegistrations())


def declare_missing_operators() -> None:
    """Declare the operators that torchvision could not load. Call this while torchvision is being imported."""
    from torchvision.extension import _has_ops

    if _declared or _has_ops():
        return
    import torch

    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        fragment.define(operator + _NMS)
    _declared.append(fragment)
