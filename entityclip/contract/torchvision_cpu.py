"""Makes `import torchvision` work beside a torch it was not built for. Call it before transformers or open_clip.

Both import torchvision for its image transforms. Where its compiled operators cannot load (one built for CUDA
beside a CPU build of torch), `import torchvision` fails all the same: its `_meta_registrations` registers fakes
for `torchvision::nms` and `torchvision::qnms` without asking whether they exist. Declaring both schemas
beforehand makes the import work. Transforms then work; `torchvision.ops` and `torchvision.io` do not, and
nothing here uses them. It is a module of its own because `pipeline` and `model` both need it and import neither
each other.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import Any

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # a torch.library.Library takes its declarations along when it is collected


def make_torchvision_importable() -> None:
    """Declare the operators that torchvision cannot load itself; does nothing where it can."""
    if "torchvision" in sys.modules or _declared or _torchvision_has_operators():
        return
    import torch

    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        fragment.define(name + _NMS)
    _declared.append(fragment)


def _torchvision_has_operators() -> bool:
    """Tell whether torchvision's compiled operators load beside this torch, without importing torchvision.

    Importing `torchvision.extension` to ask would run `torchvision/__init__.py` first, which is what fails.
    """
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # no torchvision: whoever imports it says so best
    libraries = (Path(spec.origin).with_name("_C" + end) for end in importlib.machinery.EXTENSION_SUFFIXES)
    library = next((path for path in libraries if path.exists()), None)
    if library is None:
        return False
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True
