"""The only import of open_clip; use `from model.clip.open_clip_import import open_clip`.

A plain `import open_clip` takes 9 s on a slow core, 5 s more than torch alone, in each process and each worker. Part
of that time goes to two imports that are skipped here, since open_clip does not need them at this point:

- timm and transformers, which open_clip can do without. Only towers that `model.clip.towers` rejects need them.
- torch's compiler, which torchvision.ops imports for one function. It is imported later, when that function
  is called or an optimizer needs it.
"""

import importlib
import sys
import threading
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from entityclip.contract.torchvision_cpu import make_torchvision_importable


class _Hidden(MetaPathFinder):
    """Import hook: in the thread that created it, imports of `names` fail; other threads are not affected."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.thread = names, threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name in self.names and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"{name} is hidden while open_clip is imported", name=name)
        return None


def _import_torchvision_without_the_compiler() -> None:
    name = "torch._dynamo.utils"
    if name in sys.modules:
        return
    stand_in: Any = ModuleType(name)
    stand_in.is_compile_supported = lambda device: importlib.import_module(name).is_compile_supported(device)
    sys.modules[name] = stand_in
    try:
        importlib.import_module("torchvision")
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]


make_torchvision_importable()
_import_torchvision_without_the_compiler()
_hidden = _Hidden(("timm", "transformers"))
sys.meta_path.insert(0, _hidden)
try:
    open_clip: ModuleType = importlib.import_module("open_clip")
finally:
    sys.meta_path.remove(_hidden)

__all__ = ["open_clip"]
