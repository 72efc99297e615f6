"""The one import of open_clip: `from model.open_clip_import import open_clip`.

open_clip imports torchvision for its image transforms. Where torchvision's compiled operators cannot load
(one built for CUDA beside a CPU build of torch), `import torchvision` fails all the same: its
`_meta_registrations` registers fakes for `torchvision::nms` and `torchvision::qnms` without asking whether
they exist. Declaring both schemas beforehand makes the import work. Transforms then work; `torchvision.ops`
and `torchvision.io` do not, and nothing here uses them.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _torchvision_has_operators() -> bool:
    """Tell whether torchvision's compiled operators load beside this torch, without importing torchvision.

    Importing `torchvision.extension` to ask would run `torchvision/__init__.py` first, which is what fails.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # no torchvision: open_clip's own ImportError says it best
    libraries = (Path(spec.origin).with_name("_C" + end) for end in importlib.machinery.EXTENSION_SUFFIXES)
    library = next((path for path in libraries if path.exists()), None)
    if library is None:
        return False
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True


def _declare_missing_operators() -> torch.library.Library | None:
    """Declare nms and qnms where torchvision cannot; the returned library must be kept alive."""
    if "torchvision" in sys.modules or _torchvision_has_operators():
        return None
    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        fragment.define(name + _NMS)
    return fragment


_declared = _declare_missing_operators()
open_clip: ModuleType = importlib.import_module("open_clip")

__all__ = ["open_clip"]
