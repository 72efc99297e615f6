"""Modules renamed since they were documented. Importing an old name raises an error that gives the new name."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

MOVED = {
    "flows.demo_models": "benchmarks.demo_models",
    "flows.local_prefect": "flows.orchestration.local_server",
    "flows.ablation": "benchmarks.ablation",
    "benchmarks.inspect": "benchmarks.inspection",
    "model.launch_evaluation": "model.launch.evaluate",
    "model.settings_reference": "docs.reference",
    "pipeline.manifest_reference": "docs.reference",
}


class _MovedModules(MetaPathFinder):
    """Finder at the end of `sys.meta_path`, so it is called only for modules that no other finder finds."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name in MOVED:
            raise ModuleNotFoundError(f"{name} is now {MOVED[name]}", name=name)


def answer_for_moved_modules() -> None:
    """Make the import of a moved module fail with a message that gives its new name."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
