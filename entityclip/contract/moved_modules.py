"""Modules that documents named before they moved: importing one by its old name says what it is called now."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

MOVED = {
    "flows.demo_models": "benchmarks.demo_models",
    "flows.local_prefect": "flows.orchestration.local_server",
    "flows.ablation": "benchmarks.ablation",
    "model.launch_evaluation": "model.launch.evaluate",
    "model.settings_reference": "docs.reference",
    "pipeline.manifest_reference": "docs.reference",
}


class _MovedModules(MetaPathFinder):
    """Is asked last, so only about modules that are not there."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name in MOVED:
            raise ModuleNotFoundError(f"{name} is now {MOVED[name]}", name=name)


def answer_for_moved_modules() -> None:
    """Have the import of a moved module fail with its new name, in this process."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
