"""Resolves paths in flow parameters against the project's root, whatever a worker's working directory is.

The command line resolves its arguments against the user's working directory before it calls a flow.
"""

import os
from pathlib import Path

from entityclip.contract.locations import is_url
from model.settings.schema import LOCAL_DIR
from pipeline.errors import PipelineError
from pipeline.manifest.manifest import load_manifest

PROJECT = Path(__file__).resolve().parents[1]
_PATH_SETTINGS = ("data.explanations", "data.image_root")
_PLACEHOLDER = "entityclip generate MANIFEST"


def in_project(path: Path | str) -> Path:
    """Return the absolute path; a relative path is resolved against the project's root."""
    return (PROJECT / Path(path).expanduser()).resolve()


def location_in_project(location: Path | str) -> Path | str:
    """Return a URL unchanged, and resolve a path as `in_project` does."""
    return str(location) if is_url(str(location)) else in_project(location)


def enter_project() -> dict[str, str]:
    """Change to the project installed on the worker; every deployment runs this as its pull step (prefect.yaml)."""
    os.chdir(PROJECT)
    return {"directory": str(PROJECT)}


def absolute_overrides(overrides: list[str], folder: Path = PROJECT) -> list[str]:
    """Return training overrides with relative paths made absolute by resolving them against `folder`."""
    return [_absolute(override, folder) for override in overrides]


def _absolute(override: str, folder: Path) -> str:
    key, _, value = override.partition("=")
    key, value = key.strip(), value.strip()
    if key == "towers.model" and value.startswith(LOCAL_DIR):
        return f"{key}={LOCAL_DIR}{(folder / value.removeprefix(LOCAL_DIR)).resolve()}"
    if key in _PATH_SETTINGS and value != "null" and not is_url(value):
        return f"{key}={(folder / value).resolve()}"
    return override


def naming_the_manifest(message: str, explanations: Path | str) -> str:
    """Replace MANIFEST in a message with the project's manifest whose output is `explanations`, if there is one."""
    if _PLACEHOLDER not in message:
        return message
    for path in sorted((PROJECT / "data_manifests").glob("*.yaml")):
        try:
            manifest = load_manifest(path)
        except PipelineError:
            continue
        if manifest.output_location == explanations:
            return message.replace(_PLACEHOLDER, f"entityclip generate {path.relative_to(PROJECT)}")
    return message
