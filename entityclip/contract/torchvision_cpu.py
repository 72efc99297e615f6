"""Workaround for importing torchvision with a build of torch that it was not compiled for.

transformers and open_clip import torchvision for its image transforms. If its compiled operators cannot be loaded (a
CUDA build of torchvision with a CPU build of torch), `import torchvision` fails: its `_meta_registrations` registers
fakes for `torchvision::nms` and `torchvision::qnms` without checking that they exist. Declaring both schemas first
makes the import succeed. Transforms then work; `torchvision.ops` and `torchvision.io` do not, and are not used here.

`entityclip-torchvision.pth` next to this file does the same for every program in the environment where the package is
installed, because the code that `entityclip export` prints imports open_clip without importing this package.
"""

import sys
from importlib.abc import MetaPathFinder
from typing import Any

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # garbage collection of a torch.library.Library would undo its declarations


class _BeforeRegistrations(MetaPathFinder):
    """Declares missing operators just before torchvision registers fakes for them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torchvision._meta_registrations":
            declare_missing_operators()


def make_torchvision_importable() -> None:
    """Make a later `import torchvision` succeed even if its operators cannot be loaded. Imports nothing itself."""
    if not any(isinstance(finder, _BeforeRegistrations) for finder in sys.meta_path):
        sys.meta_path.insert(0, _BeforeRegistrations())


def declare_missing_operators() -> None:
    """Declare torchvision's operators if it could not load them; call this while torchvision is being imported."""
    from torchvision.extension import _has_ops

    if _declared or _has_ops():
        return
    import torch

    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        fragment.define(operator + _NMS)
    _declared.append(fragment)
