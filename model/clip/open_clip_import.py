"""The one import of open_clip: `from model.clip.open_clip_import import open_clip`."""

import importlib
from types import ModuleType

from entityclip.contract.torchvision_cpu import make_torchvision_importable

make_torchvision_importable()
open_clip: ModuleType = importlib.import_module("open_clip")

__all__ = ["open_clip"]
