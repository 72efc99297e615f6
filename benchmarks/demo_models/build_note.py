"""Writes a shipped model's `BUILD.json`, which records the build command, versions and measurements."""

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "open_clip_torch", "transformers", "tokenizers", "numpy", "pillow")


def write_build_note(
    folder: Path, module: str, settings: dict[str, Any], measure: Callable[[], dict[str, Any]]
) -> None:
    """Evaluate the built model, then write and print the note. Call this right after the build, in the same process.

    Args:
        settings: the command's options by name.
        measure: function that returns the model's metrics.
    """
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())
    note = {
        "command": f"python -m {module} OUT {options}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "cpu_seconds": round(time.process_time(), 1),
        "measured": measure(),
    }
    text = json.dumps(note, indent=2)
    (folder / "BUILD.json").write_text(text + "\n", encoding="utf-8")
    print(text)
