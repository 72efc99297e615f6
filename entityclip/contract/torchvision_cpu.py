"""Workaround for importing torchvision with a build of torch that it was not compiled for.

transformers and open_clip import torchvision for its image transforms. If its compiled operators cannot be loaded (a
CUDA build of torchvision with a CPU build of torch), `import torchvision` fails: its `_meta_registrations` registers
fakes for `torchvision::nms` and `torchvision::qnms` without checking that they exist. Declaring both schemas first
makes the import succeed. Transforms then work; `torchvision.ops` and `torchvision.io` do not, and are not used here.

`entityclip-torchvision.pth` beside this file does so for every program of the environment in which the package is
installed, when it first imports torchvision: the line that `entityclip export` prints imports open_clip alone.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import Any

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # garbage collection of a torch.library.Library would undo its declarations


def make_torchvision_importable() -> None:
    """Declare the operators that torchvision cannot load. Call it before importing transformers or open_clip."""
    if "torchvision" in sys.modules or _declared or _torchvision_has_operators():
        return
    import torch

    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        fragment.define(name + _NMS)
    _declared.append(fragment)


def _torchvision_has_operators() -> bool:
    """Return True if torchvision's compiled operators can be loaded, without importing torchvision.

    Importing `torchvision.extension` to check would first run `torchvision/__init__.py`, which is what fails.
    """
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # torchvision is missing: its import raises a clear error
    libraries = (Path(spec.origin).with_name("_C" + end) for end in importlib.machinery.EXTENSION_SUFFIXES)
    library = next((path for path in libraries if path.exists()), None)
    if library is None:
        return False
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True
